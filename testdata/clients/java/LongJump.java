import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** LongJump and AgileApps, in XML: a session carried by the cookie JSESSIONID. */
final class LongJump {
    final Http http = new Http();
    private final String base;
    private Jar jar; // null: nobody is logged in

    LongJump(String base) {
        this.base = base;
    }

    /** Logs in, and returns the id of the user. */
    String login(String userName, String password) {
        var cookies = new Jar();
        var platform = send(cookies, "POST", "/login", loginRequest(userName, password));
        if (cookies.header(java.net.URI.create(base + "/user/info")).isEmpty()) {
            throw new SessionException("the answer to the login has no session cookie", 200);
        }
        jar(cookies);
        return text(child(child(platform, "login"), "userId"));
    }

    /** The scalars of the record of the user who is logged in. */
    Map<String, String> user() {
        Jar used = jar();
        if (used == null) throw SessionException.nobody();
        try {
            var user = child(send(used, "GET", "/user/info", null), "user");
            return children(user).stream().collect(Collectors.toMap(Element::getTagName, LongJump::text, (first, second) -> first));
        } catch (SessionException e) {
            if (e.status != 401 && !e.code.equals("-101")) throw e;
            synchronized (this) {
                if (jar == used) jar = null; // there is nothing to renew a session with
            }
            throw e.over();
        }
    }

    /** Logs out. The cookie is dropped, even if the server does not take it. */
    void logout() {
        Jar old = jar();
        jar(null);
        if (old != null) send(old, "GET", "/logout", null);
    }

    /** Sends a request, and returns the element platform of an answer that says code 0. */
    private Element send(Jar cookies, String method, String path, String body) {
        var headers = body == null ? List.of("Accept", "application/xml") : List.of("Accept", "application/xml", "Content-Type", "application/xml");
        var answer = http.send(method, base + path, headers, body, cookies);
        Element platform = null;
        try {
            platform = answer.xml().getDocumentElement();
            if (answer.ok() && !platform.getTagName().equals("platform")) {
                throw new SessionException("the answer is no platform, but " + platform.getTagName(), answer.status());
            }
        } catch (SessionException e) {
            if (answer.ok()) throw e;
        }
        var message = child(platform, "message");
        String code = text(child(message, "code"));
        if (answer.ok() && code.equals("0")) return platform;
        String why = "%d %s %s".formatted(answer.status(), code, text(child(message, "description"))).strip();
        throw new SessionException("LongJump refused: " + why, code, answer.status(), false, null);
    }

    private static String loginRequest(String userName, String password) {
        var out = new StringWriter();
        try {
            var xml = XMLOutputFactory.newDefaultFactory().createXMLStreamWriter(out);
            xml.writeStartElement("platform");
            xml.writeStartElement("login");
            for (var field : List.of(List.of("userName", userName), List.of("password", password))) {
                xml.writeStartElement(field.get(0));
                xml.writeCharacters(field.get(1));
                xml.writeEndElement();
            }
            xml.writeEndDocument();
            xml.close();
        } catch (XMLStreamException e) {
            throw new SessionException("the login cannot be written as XML", 0);
        }
        return out.toString();
    }

    private static List<Element> children(Element parent) {
        if (parent == null) return List.of();
        var nodes = parent.getChildNodes();
        return IntStream.range(0, nodes.getLength()).mapToObj(nodes::item)
                .filter(n -> n.getNodeType() == Node.ELEMENT_NODE).map(Element.class::cast).toList();
    }

    private static Element child(Element parent, String name) {
        return children(parent).stream().filter(e -> e.getTagName().equals(name)).findFirst().orElse(null);
    }

    private static String text(Element element) {
        return element == null ? "" : element.getTextContent().strip();
    }

    private synchronized Jar jar() {
        return jar;
    }

    private synchronized void jar(Jar next) {
        jar = next;
    }
}
