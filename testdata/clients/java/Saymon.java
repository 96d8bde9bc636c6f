import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** SAYMON with a session cookie, and the header against CSRF where the server has given out the cookie for it. */
final class Saymon {
    final Http http = new Http();
    private final String base;
    private Jar jar; // null: nobody is logged in

    Saymon(String base) {
        this.base = base;
    }

    /** Logs in, and returns the session id; requests show it by cookie. */
    String login(String login, String password) {
        var cookies = new Jar();
        Object id = send(cookies, "POST", "/users/session", Json.write(Map.of("login", login, "password", password)));
        if (cookies.value(URI.create(base + "/users/session"), "sid").isEmpty()) {
            throw new SessionException("the answer to the login has no session cookie", 200);
        }
        jar(cookies);
        return Json.text(id);
    }

    Map<String, Object> currentUser() {
        Jar used = jar();
        if (used == null) throw SessionException.nobody();
        try {
            return Json.object(send(used, "GET", "/users/current", null));
        } catch (SessionException e) {
            if (e.status != 401) throw e;
            synchronized (this) {
                if (jar == used) jar = null; // there is nothing to renew a session with
            }
            throw e.over();
        }
    }

    /** Logs out. The cookies are dropped, even if the server does not take it. */
    void logout() {
        Jar old = jar();
        jar(null);
        if (old != null) send(old, "DELETE", "/users/session", null);
    }

    private Object send(Jar cookies, String method, String path, String body) {
        var headers = new ArrayList<>(List.of("Accept", "application/json"));
        if (body != null) headers.addAll(List.of("Content-Type", "application/json"));
        if (!method.equals("GET")) {
            cookies.value(URI.create(base + path), "csrf").ifPresent(value -> headers.addAll(List.of("x-csrf-token", value)));
        }
        var answer = http.send(method, base + path, headers, body, cookies);
        if (!answer.ok()) throw refusal(answer);
        return answer.body().length == 0 ? null : answer.json();
    }

    /** {code, message} with a message that mostly holds JSON again; or, for CSRF alone, {errorCode, message}. */
    private static SessionException refusal(Http.Answer answer) {
        Map<String, Object> body = Map.of();
        String message = "";
        try {
            body = answer.object();
            message = Json.text(body.get("message"));
            message = Json.text(Json.object(Json.parse(message)).getOrDefault("message", message));
        } catch (SessionException | IllegalArgumentException e) {
            // Plain text, or nothing: the status says enough.
        }
        String code = Json.text(body.containsKey("code") ? body.get("code") : body.get("errorCode"));
        return new SessionException("SAYMON refused: %d %s".formatted(answer.status(), message).strip(), code, answer.status(), false, null);
    }

    private synchronized Jar jar() {
        return jar;
    }

    private synchronized void jar(Jar next) {
        jar = next;
    }
}
