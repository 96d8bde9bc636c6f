import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringReader;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * Exchanges over HTTP, bounded in time, in size, and in where they go: no
 * redirect is followed, for a session belongs to one server.
 */
final class Http {
    private static final int LIMIT = 1 << 20; // bytes
    private static final long PATIENCE = 2; // seconds that Retry-After may ask for
    private static final Pattern CHARSET = Pattern.compile(";\\s*charset\\s*=\\s*\"?([^\\s;\"]+)", Pattern.CASE_INSENSITIVE);

    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER).build();

    /** How long an exchange may take, from the connection to the last byte. */
    volatile Duration timeout = Duration.ofSeconds(10);

    /** An answer, read to its end. */
    record Answer(String host, int status, String type, String retryAfter, byte[] body) {
        boolean ok() {
            return status >= 200 && status < 300;
        }

        String text() {
            var given = CHARSET.matcher(type);
            Charset charset = StandardCharsets.UTF_8;
            try {
                if (given.find()) charset = Charset.forName(given.group(1));
            } catch (IllegalArgumentException e) {
                // Nobody knows it: what is plain ASCII can be read still.
            }
            String text = new String(body, charset);
            return text.startsWith("\uFEFF") ? text.substring(1) : text;
        }

        /** The members of a JSON object; none, if it is no object. */
        Map<String, Object> object() {
            return Json.object(json());
        }

        Object json() {
            try {
                return Json.parse(text());
            } catch (IllegalArgumentException e) {
                throw unreadable("JSON");
            }
        }

        Document xml() {
            try {
                // A charset of the header wins over that of the document (RFC 7303).
                var source = CHARSET.matcher(type).find()
                        ? new InputSource(new StringReader(text()))
                        : new InputSource(new ByteArrayInputStream(body));
                return parser().parse(source);
            } catch (SAXException | IOException e) {
                throw unreadable("XML");
            } catch (ParserConfigurationException e) {
                throw new IllegalStateException(e);
            }
        }

        private SessionException unreadable(String format) {
            String what = type.isEmpty() ? "no media type" : type.split(";")[0];
            return new SessionException("%s answered %d with a body that is no %s (%s)".formatted(host, status, format, what), status);
        }
    }

    /**
     * @param headers names and values, one after another
     * @param body null for none
     * @param jar null for a client without cookies
     */
    Answer send(String method, String url, List<String> headers, String body, Jar jar) {
        Answer answer = once(method, url, headers, body, jar);
        boolean busy = answer.status == 503 || answer.status == 429;
        if (!busy || !method.equals("GET") || !answer.retryAfter.matches("\\d{1,3}")) return answer;
        long wait = Long.parseLong(answer.retryAfter);
        if (wait > PATIENCE) return answer;
        try {
            TimeUnit.SECONDS.sleep(wait);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return answer;
        }
        return once(method, url, headers, body, jar);
    }

    private Answer once(String method, String url, List<String> headers, String body, Jar jar) {
        URI uri = URI.create(url);
        var request = HttpRequest.newBuilder(uri)
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        for (int i = 0; i < headers.size(); i += 2) request.header(headers.get(i), headers.get(i + 1));
        String cookies = jar == null ? "" : jar.header(uri);
        if (!cookies.isEmpty()) request.header("Cookie", cookies);

        var response = await(uri.getAuthority(), client.sendAsync(request.build(), info -> new Bounded()));
        if (jar != null) jar.keep(uri, response.headers().allValues("Set-Cookie"));
        int status = response.statusCode();
        if (status >= 300 && status < 400) {
            throw new SessionException("%s redirects (%d); not followed".formatted(uri.getAuthority(), status), status);
        }
        return new Answer(uri.getAuthority(), status,
                response.headers().firstValue("Content-Type").orElse(""),
                response.headers().firstValue("Retry-After").orElse(""), response.body());
    }

    private <T> T await(String host, CompletableFuture<T> answer) {
        try {
            return answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            answer.cancel(true);
            throw new SessionException("no whole answer from %s within %d ms".formatted(host, timeout.toMillis()), 0);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof SessionException known) throw known;
            if (e.getCause() instanceof IOException broken && broken.getCause() instanceof SessionException known) throw known;
            String why = e.getCause() instanceof ConnectException ? "no connection" : "the connection broke";
            throw new SessionException("no whole answer from " + host + ": " + why, "", 0, false, e.getCause());
        } catch (InterruptedException e) {
            answer.cancel(true);
            Thread.currentThread().interrupt();
            throw new SessionException("interrupted", 0);
        }
    }

    /** Takes no more of a body than is good. */
    private static final class Bounded implements HttpResponse.BodySubscriber<byte[]> {
        private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private Flow.Subscription subscription;

        @Override
        public CompletionStage<byte[]> getBody() {
            return whole;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> parts) {
            for (ByteBuffer part : parts) {
                if (bytes.size() + part.remaining() > LIMIT) {
                    subscription.cancel();
                    whole.completeExceptionally(new SessionException("the answer is longer than " + LIMIT + " bytes", 0));
                    return;
                }
                byte[] some = new byte[part.remaining()];
                part.get(some);
                bytes.writeBytes(some);
            }
        }

        @Override
        public void onError(Throwable error) {
            whole.completeExceptionally(error);
        }

        @Override
        public void onComplete() {
            whole.complete(bytes.toByteArray());
        }
    }

    /** Without document types, and so without entities from elsewhere or without end. */
    private static DocumentBuilder parser() throws ParserConfigurationException {
        var factory = DocumentBuilderFactory.newInstance();
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        factory.setExpandEntityReferences(false);
        var builder = factory.newDocumentBuilder();
        builder.setErrorHandler(null); // else it prints on stderr
        return builder;
    }
}
