import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** JSON (RFC 8259), as maps, lists, strings, numbers (BigDecimal), booleans and null. */
final class Json {
    private static final int DEEPEST = 200;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** @throws IllegalArgumentException if it is no JSON */
    static Object parse(String text) {
        var json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at < text.length()) throw json.wrong();
        return value;
    }

    /** The members of an object; none, if the value is no object. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : Map.of();
    }

    /** A scalar as text, a number without its exponent; "" for null and for what is no scalar. */
    static String text(Object value) {
        if (value instanceof BigDecimal number) return number.toPlainString();
        return value instanceof String || value instanceof Boolean ? value.toString() : "";
    }

    static String write(Object value) {
        if (value instanceof Map<?, ?> members) {
            return members.entrySet().stream().filter(e -> e.getValue() != null)
                    .map(e -> quote(e.getKey().toString()) + ":" + write(e.getValue())).collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof List<?> items) return items.stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
        return value instanceof String s ? quote(s) : String.valueOf(value);
    }

    private static String quote(String s) {
        var out = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ' || Character.isSurrogate(c)) out.append("\\u%04x".formatted((int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }

    private Object value(int depth) {
        space();
        if (depth > DEEPEST || at >= text.length()) throw wrong();
        return switch (text.charAt(at)) {
            case '{' -> members(depth);
            case '[' -> items(depth);
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> members(int depth) {
        var members = new LinkedHashMap<String, Object>();
        at++;
        if (next('}')) return members;
        do {
            space();
            String name = string();
            if (!next(':')) throw wrong();
            members.put(name, value(depth + 1));
        } while (next(','));
        if (!next('}')) throw wrong();
        return members;
    }

    private List<Object> items(int depth) {
        var items = new ArrayList<Object>();
        at++;
        if (next(']')) return items;
        do {
            items.add(value(depth + 1));
        } while (next(','));
        if (!next(']')) throw wrong();
        return items;
    }

    private String string() {
        if (at >= text.length() || text.charAt(at) != '"') throw wrong();
        var out = new StringBuilder();
        for (at++; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"') {
                at++;
                return out.toString();
            }
            if (c < ' ') throw wrong();
            out.append(c == '\\' ? escaped() : c);
        }
        throw wrong();
    }

    private char escaped() {
        if (++at >= text.length()) throw wrong();
        char c = text.charAt(at);
        switch (c) {
            case '"', '\\', '/': return c;
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u':
                if (at + 4 >= text.length() || !text.substring(at + 1, at + 5).matches("[0-9A-Fa-f]{4}")) throw wrong();
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
            default: throw wrong();
        }
    }

    private BigDecimal number() {
        int from = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
        String number = text.substring(from, at);
        if (!number.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d{1,3})?")) throw wrong();
        return new BigDecimal(number);
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw wrong();
        at += word.length();
        return value;
    }

    private boolean next(char c) {
        space();
        if (at >= text.length() || text.charAt(at) != c) return false;
        at++;
        return true;
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON at character " + at);
    }
}
