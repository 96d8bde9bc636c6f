import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * CRM.COM: a token in the query of a GET and in the body of a POST. There is
 * nothing to renew it with; a client authenticates again.
 */
final class CrmCom {
    /** Who logs in: a user of an organisation, or a Web API key. */
    sealed interface Credentials permits User, Key {}

    record User(String username, String password, String organisation) implements Credentials {
        @Override
        public String toString() {
            return "User " + username; // a record would print the password
        }
    }

    record Key(String value) implements Credentials {
        @Override
        public String toString() {
            return "Key";
        }
    }

    private record Session(Credentials credentials, String token) {}

    final Http http = new Http();
    private final String base;
    private final boolean releases;
    private final Renewal renewal = new Renewal(this::renew);
    private Session session; // null: nobody is logged in

    /** @param releases the server has authentication/token/release (R10, R11) */
    CrmCom(String base, boolean releases) {
        this.base = base;
        this.releases = releases;
    }

    /** Authenticates. The credentials are kept in memory until logout, to do it again when the token has expired. */
    void login(Credentials credentials) {
        session(new Session(credentials, authenticate(credentials)));
    }

    Map<String, Object> contact() {
        long mark = renewal.mark();
        Session used = session();
        for (boolean again = true; ; again = false) {
            if (used == null) throw SessionException.nobody();
            try {
                String query = "?token=" + URLEncoder.encode(used.token, StandardCharsets.UTF_8);
                return send("GET", "/contact_information/show" + query, List.of(), null);
            } catch (SessionException e) {
                // The list of codes is not published; this is what they are called.
                if (e.status != 401 && !e.code.toUpperCase(Locale.ROOT).contains("TOKEN")) throw e;
                if (!again) {
                    replace(used, null);
                    throw e.over();
                }
            }
            renewal.since(mark);
            used = session();
        }
    }

    /** Gets a new token. However many ask at the same time, it is asked for once. */
    void refresh() {
        renewal.now();
    }

    private void renew() {
        Session old = session();
        if (old == null) throw SessionException.nobody();
        try {
            replace(old, new Session(old.credentials, authenticate(old.credentials)));
        } catch (SessionException e) {
            if (e.code.isEmpty()) throw e; // no refusal
            replace(old, null);
            throw e.over();
        }
    }

    /** Forgets token and credentials, and releases the token where that exists. */
    void logout() {
        Session old = session();
        session(null);
        if (old != null && releases) {
            send("POST", "/authentication/token/release", List.of("Content-Type", "application/json"), Json.write(Map.of("token", old.token)));
        }
    }

    private String authenticate(Credentials credentials) {
        Map<String, Object> data;
        if (credentials instanceof User u) {
            var body = Json.write(Map.of("username", u.username, "password", u.password, "organisation", u.organisation));
            data = send("POST", "/authentication/token", List.of("Content-Type", "application/json"), body);
        } else {
            String key = ((Key) credentials).value + ":";
            String basic = "Basic " + Base64.getEncoder().encodeToString(key.getBytes(StandardCharsets.UTF_8));
            data = send("POST", "/authentication/web_api_key/token", List.of("Authorization", basic), null);
        }
        String token = Json.text(data.get("token"));
        if (token.isEmpty()) throw new SessionException("the answer has no token", 200);
        return token;
    }

    // A refusal has HTTP status 200, mostly; status.code says what it is.
    private Map<String, Object> send(String method, String path, List<String> headers, String body) {
        var answer = http.send(method, base + path, headers, body, null);
        Map<String, Object> envelope = Map.of();
        try {
            envelope = answer.object();
        } catch (SessionException e) {
            if (answer.ok()) throw e;
        }
        var status = Json.object(envelope.get("status"));
        String code = Json.text(status.get("code"));
        if (answer.ok() && code.equalsIgnoreCase("OK")) return Json.object(envelope.get("data"));
        String why = code.isEmpty() ? String.valueOf(answer.status()) : code + " " + Json.text(status.get("message"));
        throw new SessionException("CRM.COM refused: " + why.strip(), code, answer.status(), false, null);
    }

    private synchronized Session session() {
        return session;
    }

    private synchronized void session(Session next) {
        session = next;
    }

    private synchronized void replace(Session old, Session next) {
        if (session == old) session = next; // else somebody logged out meanwhile
    }
}
