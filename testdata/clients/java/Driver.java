import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** Lets the clients beside it be driven: one JSON object a line in, one out. */
final class Driver {
    /** What each step calls. */
    private record Client(Http http, Map<String, Consumer<Map<String, Object>>> steps) {}

    private static final List<String> SYSTEMS = List.of("crmcom", "jmap-server", "longjump", "saymon", "wedia");

    private Client client;

    public static void main(String[] args) throws IOException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var driver = new Driver();
        for (String line; (line = in.readLine()) != null; ) {
            var message = Json.object(Json.parse(line));
            if ("stop".equals(message.get("cmd"))) break;
            out.println(Json.write("start".equals(message.get("cmd")) ? ready(message) : driver.run(message)));
        }
        System.exit(0); // whatever a client has still under way
    }

    private static Client make(String system, Map<String, Object> run) {
        String base = Json.text(run.get("base_url"));
        var account = Json.object(run.get("account"));
        String kind = Json.text(run.get("kind"));
        String password = Json.text(account.get("password"));
        switch (system) {
            case "crmcom": {
                var c = new CrmCom(base, Boolean.TRUE.equals(Json.object(run.get("settings")).get("tokenRelease")));
                var who = kind.equals("key") ? new CrmCom.Key(Json.text(account.get("value")))
                        : new CrmCom.User(Json.text(account.get("username")), password, first(account.get("organisations")));
                return new Client(c.http, Map.of("login", s -> c.login(who), "call", s -> c.contact(), "refresh", s -> c.refresh(), "logout", s -> c.logout()));
            }
            case "jmap-server": {
                var c = new JMapServer(base);
                return new Client(c.http, Map.of("login", s -> c.login(Json.text(account.get("username")), password), "call", s -> c.projects(),
                        "logout", s -> c.logout(), "resume", s -> c.setToken(Json.text(s.get("token")))));
            }
            case "longjump": {
                var c = new LongJump(base);
                return new Client(c.http, Map.of("login", s -> c.login(Json.text(account.get("username")), password), "call", s -> c.user(), "logout", s -> c.logout()));
            }
            case "saymon": {
                var c = new Saymon(base);
                return new Client(c.http, Map.of("login", s -> c.login(Json.text(account.get("login")), password), "call", s -> c.currentUser(), "logout", s -> c.logout()));
            }
            case "wedia": {
                var c = new Wedia(base);
                Consumer<Map<String, Object>> login = kind.equals("application")
                        ? s -> c.signIn(Json.text(account.get("key")), Json.text(account.get("secret")), Json.text(account.get("name")))
                        : s -> c.signIn(Json.text(account.get("login")), password, null);
                return new Client(c.http, Map.of("login", login, "call", s -> c.whoAmI(), "refresh", s -> c.refresh(), "logout", s -> c.signOut()));
            }
            default:
                return null;
        }
    }

    private static Map<String, Object> ready(Map<String, Object> message) {
        var known = make(Json.text(message.get("system")), Map.of());
        var does = known == null ? List.of("login", "call", "logout") : new ArrayList<>(new TreeSet<>(known.steps.keySet()));
        var about = Map.of("name", "java-example", "version", "1.0.0", "language", "Java");
        return Map.of("ready", true, "protocol", 1, "client", about, "does", does, "systems", SYSTEMS);
    }

    private Map<String, Object> run(Map<String, Object> message) {
        var report = new LinkedHashMap<String, Object>();
        report.put("seq", message.get("seq"));
        try {
            String system = Json.text(message.get("system"));
            if (!SYSTEMS.contains(system)) {
                report.put("skipped", Map.of("message", "there is no client for " + system));
                return report;
            }
            if (Boolean.TRUE.equals(message.get("new"))) client = make(system, message);
            var steps = (List<?>) message.get("steps");
            long deadline = ((BigDecimal) message.get("deadline_ms")).longValue();
            client.http.timeout = Duration.ofMillis(Math.min(10_000, deadline / (steps.size() + 1)));
            var results = new ArrayList<Object>();
            for (Object step : steps) results.add(step(Json.object(step)));
            report.put("steps", results);
        } catch (RuntimeException e) {
            report.put("errored", Map.of("message", e.toString()));
        }
        return report;
    }

    private Map<String, Object> step(Map<String, Object> step) {
        int parallel = step.get("parallel") instanceof BigDecimal n ? n.intValue() : 1;
        if (parallel <= 1) return once(step);
        var threads = Executors.newFixedThreadPool(parallel);
        var running = new ArrayList<CompletableFuture<Map<String, Object>>>();
        for (int i = 0; i < parallel; i++) running.add(CompletableFuture.supplyAsync(() -> once(step), threads));
        var each = running.stream().map(CompletableFuture::join).toList();
        threads.shutdown();
        return Map.of("ok", each.stream().allMatch(r -> Boolean.TRUE.equals(r.get("ok"))), "each", each);
    }

    private Map<String, Object> once(Map<String, Object> step) {
        try {
            client.steps.get(Json.text(step.get("do"))).accept(step);
            return Map.of("ok", true);
        } catch (SessionException e) {
            var error = new LinkedHashMap<String, Object>();
            error.put("code", e.code.isEmpty() ? null : e.code);
            error.put("http", e.status == 0 ? null : e.status);
            error.put("message", e.getMessage());
            error.put("login", e.login ? true : null);
            return Map.of("ok", false, "error", error);
        }
    }

    private static String first(Object list) {
        return list instanceof List<?> items && !items.isEmpty() ? Json.text(items.get(0)) : "";
    }
}
