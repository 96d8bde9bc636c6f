import java.net.URI;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The cookies of one session, by RFC 6265bis. java.net.CookieManager is older:
 * it takes a cookie with Max-Age for one of RFC 2965, and sends it in quotes,
 * with $Version before it.
 */
final class Jar {
    private static final Pattern TIME = Pattern.compile("(\\d{1,2}):(\\d{1,2}):(\\d{1,2})(\\D.*)?");
    private static final List<String> MONTHS =
            List.of("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec");

    private record Cookie(String name, String value, String domain, boolean hostOnly, String path, boolean secure, Instant until) {}

    private final Map<List<String>, Cookie> cookies = new LinkedHashMap<>();

    /** Keeps the cookies of an answer. */
    synchronized void keep(URI from, List<String> setCookies) {
        for (String line : setCookies) {
            Cookie cookie = parse(line, from);
            if (cookie == null) continue;
            var key = List.of(cookie.name, cookie.domain, cookie.path);
            if (cookie.until.isAfter(Instant.now())) cookies.put(key, cookie);
            else cookies.remove(key);
        }
    }

    /** The header Cookie of a request; "" if there is none to send. */
    String header(URI to) {
        return matching(to).map(c -> c.name.isEmpty() ? c.value : c.name + "=" + c.value).collect(Collectors.joining("; "));
    }

    /** The value of a cookie that a request would carry. */
    Optional<String> value(URI to, String name) {
        return matching(to).filter(c -> c.name.equals(name)).map(Cookie::value).findFirst();
    }

    private synchronized Stream<Cookie> matching(URI to) {
        String host = host(to), path = path(to);
        return cookies.values().stream()
                .filter(c -> c.until.isAfter(Instant.now()) && (!c.secure || "https".equals(to.getScheme())))
                .filter(c -> c.hostOnly ? host.equals(c.domain) : domainMatches(host, c.domain))
                .filter(c -> path.equals(c.path) || path.startsWith(c.path.endsWith("/") ? c.path : c.path + "/"))
                .sorted(Comparator.comparing((Cookie c) -> -c.path.length()))
                .toList().stream();
    }

    private static Cookie parse(String line, URI from) {
        String[] parts = line.split(";");
        if (parts.length == 0) return null;
        int cut = parts[0].indexOf('=');
        String name = cut < 0 ? "" : parts[0].substring(0, cut).strip();
        String value = parts[0].substring(cut + 1).strip();
        if (name.isEmpty() && value.isEmpty() || name.length() + value.length() > 4096) return null;

        Map<String, String> attributes = new HashMap<>(); // the last one of a name counts
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            String key = (equals < 0 ? parts[i] : parts[i].substring(0, equals)).strip().toLowerCase(Locale.ROOT);
            attributes.put(key, equals < 0 ? "" : parts[i].substring(equals + 1).strip());
        }

        String host = host(from), domain = host;
        String wanted = attributes.getOrDefault("domain", "").replaceFirst("^\\.", "").toLowerCase(Locale.ROOT);
        if (!wanted.isEmpty() && !wanted.equals(host)) {
            // Without a list of public suffixes, a name without a dot is taken for one.
            if (!domainMatches(host, wanted) || !wanted.contains(".")) return null;
            domain = wanted;
        }
        boolean hostOnly = wanted.isEmpty() || isAddress(host);
        String path = attributes.getOrDefault("path", "");
        if (!path.startsWith("/")) path = path(from).substring(0, Math.max(1, path(from).lastIndexOf('/')));
        boolean secure = attributes.containsKey("secure");
        if (secure && !"https".equals(from.getScheme())) return null;
        String prefix = name.toLowerCase(Locale.ROOT);
        if (prefix.startsWith("__secure-") && !secure) return null;
        if (prefix.startsWith("__host-") && !(secure && hostOnly && "/".equals(attributes.get("path")))) return null;
        return new Cookie(name, value, domain, hostOnly, path, secure, until(attributes));
    }

    private static Instant until(Map<String, String> attributes) {
        String age = attributes.getOrDefault("max-age", "");
        if (age.matches("-?\\d{1,18}")) {
            long seconds = Long.parseLong(age);
            return seconds <= 0 ? Instant.MIN : Instant.now().plusSeconds(Math.min(seconds, 400L * 24 * 3600));
        }
        return attributes.containsKey("expires") ? date(attributes.get("expires")) : Instant.MAX;
    }

    /** The forgiving date of RFC 6265bis, section 5.1.1. */
    private static Instant date(String text) {
        int[] time = null;
        int day = -1, month = -1, year = -1;
        for (String token : text.split("[\\t\\x20-\\x2f;-@\\[-`{-~]+")) {
            var match = TIME.matcher(token);
            if (time == null && match.matches()) {
                time = new int[] {Integer.parseInt(match.group(1)), Integer.parseInt(match.group(2)), Integer.parseInt(match.group(3))};
            } else if (day < 0 && token.matches("\\d{1,2}")) {
                day = Integer.parseInt(token);
            } else if (month < 0 && token.length() >= 3 && MONTHS.contains(token.substring(0, 3).toLowerCase(Locale.ROOT))) {
                month = 1 + MONTHS.indexOf(token.substring(0, 3).toLowerCase(Locale.ROOT));
            } else if (year < 0 && token.matches("\\d{2,4}")) {
                year = Integer.parseInt(token);
                year += year < 70 ? 2000 : year < 100 ? 1900 : 0;
            }
        }
        try {
            if (time == null || year < 1601) return Instant.MAX;
            return ZonedDateTime.of(year, month, day, time[0], time[1], time[2], 0, ZoneOffset.UTC).toInstant();
        } catch (DateTimeException e) {
            return Instant.MAX; // no date: as if the attribute were not there
        }
    }

    private static boolean domainMatches(String host, String domain) {
        return host.equals(domain) || host.endsWith("." + domain) && !isAddress(host);
    }

    private static boolean isAddress(String host) {
        return host.startsWith("[") || host.matches("[\\d.]+");
    }

    private static String host(URI uri) {
        return uri.getHost().toLowerCase(Locale.ROOT);
    }

    private static String path(URI uri) {
        return uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    }
}
