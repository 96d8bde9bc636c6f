"""What the clients beside this file share: one exchange over HTTP, and errors.

Each operation of a client has a deadline. No redirect is followed, so that a
token goes nowhere but to the host it belongs to. A body is read up to a limit.
"""

from __future__ import annotations

import codecs
import email.utils
import http.client
import http.cookiejar
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

MAX_BODY = 1 << 20  # bytes; the answers of these APIs have a few hundred
MAX_WAIT = 2.0  # seconds; a longer Retry-After is left to the caller

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class ApiError(Exception):
    """A call failed.

    code is the library's or the server's key for it, or "". status is that of
    the answer, 0 if there was none. login: the user has to log in again.
    """

    def __init__(self, message, code="", status=0, login=False):
        super().__init__(message)
        self.code, self.status, self.login = code, status, login


class NoAnswer(ApiError):
    """No whole answer came. sent: the server may have got the request."""

    def __init__(self, message, sent):
        super().__init__(message)
        self.sent = sent


class Unreadable(ApiError):
    """An answer came that is not in the form of the API."""


class Answer:
    """Status, header and whole body of an answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self, charset="utf-8"):
        """The body as text: by its byte order mark, else by the charset of the header, else by the one given."""
        body, charset = self.body, self.headers.get_content_charset(charset)
        for mark, name in _BOMS:
            if body.startswith(mark):
                body, charset = body[len(mark):], name
                break
        try:
            return body.decode(charset)
        except (LookupError, UnicodeDecodeError):
            raise Unreadable(f"the answer (HTTP {self.status}) is no text of charset {charset[:40]}", status=self.status) from None

    def json(self):
        text = self.text()
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._unreadable(text, "JSON") from None

    def object(self):
        """The body, which has to be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise Unreadable(f"the answer (HTTP {self.status}) is JSON, but no object", status=self.status)
        return value

    def refusal(self):
        """The body of a refusal; an empty object if it is not in the form of the API, as that of a proxy."""
        try:
            return self.object()
        except Unreadable:
            return {}

    def xml(self):
        """The body as the root element of an XML document without DTD."""
        declared = re.match(rb"\s*<\?xml[^>]*encoding=[\"']([A-Za-z0-9._-]+)", self.body)
        text = self.text(declared.group(1).decode() if declared else "utf-8")
        if "<!DOCTYPE" in text.upper():
            raise self._unreadable(text, "plain XML")
        try:
            return ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
        except (ET.ParseError, ValueError):
            raise self._unreadable(text, "XML") from None

    def _unreadable(self, text, wanted):
        is_html = self.headers.get_content_type() == "text/html" or text.lstrip()[:9].lower() in ("<!doctype", "<html>")
        what = "HTML" if is_html else "not " + wanted
        return Unreadable(f"the answer (HTTP {self.status}) is {what}; {wanted} was expected", status=self.status)

    def trouble(self):
        """What stands between us and the API, as text: a redirect, an overload. "": nothing."""
        if 300 <= self.status < 400:
            host = urllib.parse.urlsplit(self.headers.get("Location", "")).hostname or "another path"
            return f"the server redirects to {host} (HTTP {self.status}); it was not followed"
        if self.status in (429, 503):
            wait = self.headers.get("Retry-After")
            return f"the server takes no calls now (HTTP {self.status})" + (f"; Retry-After: {wait[:40]}" if wait else "")
        return ""


class Deadline:
    """The end of an operation, however many exchanges it has."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds

    def left(self):
        return self._end - time.monotonic()

    def acquire(self, lock):
        """Take a lock that another thread holds for as long as it renews."""
        if not lock.acquire(timeout=max(self.left(), 0)):
            raise NoAnswer("another thread renews the session, and has not ended in time", sent=False)


class Wire:
    """Sends requests below one base URL. Safe for many threads."""

    def __init__(self, base_url, cookies=False):
        url = urllib.parse.urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
            raise ValueError("the base URL has to be like https://host/path, without user, query or fragment")
        self._url, self._base = url, base_url.rstrip("/")
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self.jar = http.cookiejar.CookieJar() if cookies else None

    def send(self, deadline, method, path, query=None, headers=None, body=None):
        """One exchange; a second one if the server says 503 or 429 and to come back within MAX_WAIT."""
        target = self._base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        answer = self._exchange(deadline, method, target, headers or {}, body)
        if answer.status in (429, 503):
            wait = _retry_after(answer.headers)
            if wait is not None and wait <= min(MAX_WAIT, deadline.left() / 2):
                time.sleep(wait)
                answer = self._exchange(deadline, method, target, headers or {}, body)
        return answer

    def cookie(self, name):
        """The value of a cookie that is kept, or None."""
        return next((c.value for c in self.jar if c.name == name and not c.is_expired()), None)

    def _exchange(self, deadline, method, target, headers, body):
        request = urllib.request.Request(target, data=body, headers=headers, method=method)
        if self.jar is not None:
            self.jar.add_cookie_header(request)
        kind, extra = (http.client.HTTPSConnection, {"context": self._tls}) if self._tls else (http.client.HTTPConnection, {})
        connection, sent = kind(self._url.hostname, self._url.port, timeout=max(deadline.left(), 0.001), **extra), False
        try:
            connection.connect()
            sock, sent = connection.sock, True
            connection.request(method, request.selector, body, {**dict(request.header_items()), "Connection": "close"})
            with _watch(sock, deadline):
                response = connection.getresponse()
                answer = Answer(response.status, response.headers, _read(response))
            if deadline.left() <= 0:
                raise socket.timeout  # what was read may have been cut off
        except (http.client.HTTPException, OSError) as e:
            late = isinstance(e, socket.timeout) or deadline.left() <= 0
            raise NoAnswer("no whole answer in time" if late else f"the connection failed ({type(e).__name__})", sent) from None
        finally:
            connection.close()
        if self.jar is not None:
            self.jar.extract_cookies(response, request)
        return answer


class _watch:
    """Ends a connection at the deadline, also if its bytes come one by one."""

    def __init__(self, sock, deadline):
        self._timer = threading.Timer(max(deadline.left(), 0), self._end, [sock])
        self._timer.daemon = True

    @staticmethod
    def _end(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def __enter__(self):
        self._timer.start()

    def __exit__(self, *_):
        self._timer.cancel()


def _read(response):
    if response.length is not None and response.length > MAX_BODY:
        raise Unreadable(f"the answer has more than {MAX_BODY} bytes; it was not read", status=response.status)
    length, body = response.length, response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise Unreadable(f"the answer has more than {MAX_BODY} bytes; the rest was not read", status=response.status)
    if length is not None and len(body) < length:
        raise http.client.IncompleteRead(b"")
    return body


def _retry_after(headers):
    """Seconds to wait, or None."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value[:9])
    try:
        then = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max((then - now).total_seconds(), 0.0)
    except (TypeError, ValueError, IndexError):
        return None


def member(value, *path):
    """A member of nested JSON objects; None if it, or one on the way, is missing or null."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def brief(text, *secrets):
    """A server's text for an error: one line, not long, without our secrets."""
    text = " ".join(text.split()) if isinstance(text, str) else ""
    for secret in secrets:
        if secret and isinstance(secret, str) and secret.strip():
            text = text.replace(secret, "***")
    return text[:200]
