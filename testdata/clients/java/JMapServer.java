import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** JMap Server: a session id, sent as the query parameter sessionId. Failures have the keys of the vendor's library. */
final class JMapServer {
    private static final String INVALID = "user.token.invalid";

    final Http http = new Http();
    private final String base;
    private String session; // null: nobody is logged in

    JMapServer(String base) {
        this.base = base + "/services/rest/v2.0";
    }

    /** Logs in; fails with user.login.error.credential, .server or .unexpected. */
    void login(String username, String password) {
        var body = Json.write(Map.of("username", username, "password", password, "type", "NG"));
        session(keyed("user.login.error", 403, () -> {
            // A number; some write it as a string.
            String id = Json.text(Json.object(send("POST", "/session", body)).get("sessionId"));
            if (id.isEmpty()) throw new SessionException("the answer has no session id", 200);
            return id;
        }));
    }

    /** Takes over a session by its id; fails with user.token.invalid if it is over. */
    void setToken(String token) {
        try {
            send("GET", "/session" + query(token), null);
            session(token);
        } catch (SessionException e) {
            throw e.status == 401 ? invalid(e) : e;
        }
    }

    /** The session id; "-1" if nobody is logged in. */
    String getToken() {
        String id = session();
        return id == null ? "-1" : id;
    }

    List<?> projects() {
        String used = session();
        if (used == null) throw new SessionException("nobody is logged in", INVALID, 0, true, null);
        try {
            return send("GET", "/projects" + query(used), null) instanceof List<?> list ? list : List.of();
        } catch (SessionException e) {
            if (e.status != 401) throw e;
            synchronized (this) {
                if (used.equals(session)) session = null;
            }
            throw invalid(e);
        }
    }

    /** Logs out; fails with user.logout.error.server or .unexpected. The session is forgotten in any case. */
    void logout() {
        String old = session();
        session(null);
        if (old != null) keyed("user.logout.error", -1, () -> send("DELETE", "/session" + query(old), null));
    }

    private Object send(String method, String path, String body) {
        var headers = body == null ? List.of("Accept", "application/json") : List.of("Accept", "application/json", "Content-Type", "application/json");
        var answer = http.send(method, base + path, headers, body, null);
        if (answer.ok()) return answer.object().get("result");
        String why = "";
        try {
            why = Json.text(answer.object().get("message"));
        } catch (SessionException e) {
            // The status says enough.
        }
        throw new SessionException("JMap refused: %d %s".formatted(answer.status(), why).strip(), answer.status());
    }

    /** Gives a failure the library's key: server, if the server answered at all. */
    private static <T> T keyed(String prefix, int credentials, Supplier<T> work) {
        try {
            return work.get();
        } catch (SessionException e) {
            String key = e.status == credentials ? "credential" : e.status != 0 ? "server" : "unexpected";
            throw new SessionException(e.getMessage(), prefix + "." + key, e.status, false, e);
        }
    }

    private static SessionException invalid(SessionException e) {
        return new SessionException("the session is over; log in again", INVALID, e.status, true, e);
    }

    private static String query(String id) {
        return "?sessionId=" + URLEncoder.encode(id, StandardCharsets.UTF_8);
    }

    private synchronized String session() {
        return session;
    }

    private synchronized void session(String next) {
        session = next;
    }
}
