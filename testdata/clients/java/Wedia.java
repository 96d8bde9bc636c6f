import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** WEDIA in bearer mode: an access token that lives for minutes, and a refresh token to renew it with. */
final class Wedia {
    private record Tokens(String access, String refresh) {
        @Override
        public String toString() {
            return "Tokens"; // a record would print them
        }
    }

    final Http http = new Http();
    private final String base;
    private final Renewal renewal = new Renewal(this::renew);
    private Tokens tokens; // null: nobody is signed in

    Wedia(String base) {
        this.base = base;
    }

    /** @param application null for a user; an application signs in with its key and secret */
    void signIn(String login, String password, String application) {
        var form = new TreeMap<>(Map.of("login", login, "password", password));
        if (application != null) form.put("application", application);
        tokens(read(send("POST", "/api/rest/signin", null, form), null));
    }

    Map<String, Object> whoAmI() {
        long mark = renewal.mark();
        Tokens used = tokens();
        for (boolean again = true; ; again = false) {
            if (used == null) throw SessionException.nobody();
            try {
                return Json.object(Json.object(send("GET", "/api/rest/whoami", used.access, null).get("response")).get("data"));
            } catch (SessionException e) {
                if (e.status != 401) throw e;
                if (!again) {
                    replace(used, null);
                    throw e.over();
                }
            }
            renewal.since(mark);
            used = tokens();
        }
    }

    /** Renews the access token. However many ask at the same time, it is asked for once. */
    void refresh() {
        renewal.now();
    }

    private void renew() {
        Tokens old = tokens();
        if (old == null) throw SessionException.nobody();
        try {
            replace(old, read(send("POST", "/api/rest/token", null, Map.of("token", old.refresh)), old.refresh));
        } catch (SessionException e) {
            if (e.status != 401 && e.status != 400) throw e;
            replace(old, null);
            throw e.over();
        }
    }

    /** Signs out. The tokens are dropped, even if the server does not take it. */
    void signOut() {
        Tokens old = tokens();
        tokens(null);
        if (old != null) send("POST", "/api/rest/signout", null, Map.of("token", old.refresh));
    }

    private static Tokens read(Map<String, Object> answer, String refresh) {
        String access = Json.text(answer.get("accessToken")), next = Json.text(answer.get("refreshToken"));
        if (next.isEmpty() && refresh != null) next = refresh; // that of before stays good
        if (access.isEmpty() || next.isEmpty()) throw new SessionException("the answer has no tokens", 201);
        return new Tokens(access, next);
    }

    private Map<String, Object> send(String method, String path, String bearer, Map<String, String> form) {
        var headers = bearer != null ? List.of("Accept", "application/json", "Authorization", "Bearer " + bearer)
                : List.of("Accept", "application/json", "Content-Type", "application/x-www-form-urlencoded");
        var body = form == null ? null : form.entrySet().stream()
                .map(e -> e.getKey() + "=" + URLEncoder.encode(e.getValue(), StandardCharsets.UTF_8)).collect(Collectors.joining("&"));
        var answer = http.send(method, base + path, headers, body, null);
        Map<String, Object> envelope = Map.of();
        try {
            envelope = answer.object();
        } catch (SessionException e) {
            if (answer.ok()) throw e;
        }
        // Some installations refuse with status 200: the member error decides. It
        // begins with the status that is meant.
        String code = Json.text(envelope.get("error"));
        if (answer.ok() && code.isEmpty()) return envelope;
        int status = answer.ok() && code.matches("\\d{3}(/.*)?") ? Integer.parseInt(code.substring(0, 3)) : answer.status();
        String why = "%s %s".formatted(code.isEmpty() ? status : code, Json.text(envelope.get("message"))).strip();
        throw new SessionException("WEDIA refused: " + why, code, status, false, null);
    }

    private synchronized Tokens tokens() {
        return tokens;
    }

    private synchronized void tokens(Tokens next) {
        tokens = next;
    }

    private synchronized void replace(Tokens old, Tokens next) {
        if (tokens == old) tokens = next; // else somebody signed out meanwhile
    }
}
