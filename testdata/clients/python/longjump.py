"""LongJump and AgileApps: a session, named by the cookie JSESSIONID.

Bodies are one tree below platform, as JSON or XML; an answer is read as what it says
it is. There is no refresh, and the password is not kept: when the session has ended
(after half an hour without a call, say), calls raise an error with login=True.
"""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ET

from wire import ApiError, Deadline, Unreadable, Wire, brief, member

NOT_LOGGED_IN = "-101"


class LongJumpError(ApiError):
    """code is platform/message/code of the answer."""


class LongJump:
    """A client for one user at a time; safe for many threads. form is json or xml."""

    def __init__(self, base_url, timeout=5.0, form="json"):
        if form not in ("json", "xml"):
            raise ValueError("form is json or xml")
        self.timeout, self._media = timeout, "application/" + form
        self._wire, self._lock, self._live = Wire(base_url, cookies=True), threading.Lock(), False

    def login(self, username, password):
        """Log in with user name and password."""
        self._forget()
        headers = {"Accept": self._media, "Content-Type": self._media}
        answer = self._wire.send(Deadline(self.timeout), "POST", "/login", headers=headers, body=self._credentials(username, password))
        self._platform(answer, password)
        if self._wire.cookie("JSESSIONID") is None:
            raise Unreadable(f"the answer (HTTP {answer.status}) sets no cookie JSESSIONID", status=answer.status)
        self._live = True

    def user(self):
        """The user who is logged in, as an object."""
        return member(self._call("/user/info"), "user")

    def logout(self):
        """Log out. The session is forgotten here in any case."""
        if not self._live:
            return
        try:
            self._call("/logout")
        finally:
            self._forget()

    def _call(self, path):
        if not self._live:
            raise LongJumpError("not logged in; log in", login=True)
        session = self._wire.cookie("JSESSIONID")
        answer = self._wire.send(Deadline(self.timeout), "GET", path, headers={"Accept": self._media})
        try:
            return self._platform(answer, session)
        except LongJumpError as e:
            if e.status == 401 or e.code == NOT_LOGGED_IN:
                with self._lock:
                    if self._wire.cookie("JSESSIONID") == session:  # and not that of a new login
                        self._forget()
                raise LongJumpError(f"{e}; log in again", e.code, e.status, login=True) from None
            raise

    def _forget(self):
        self._live = False
        self._wire.jar.clear()

    def _credentials(self, username, password):
        if self._media.endswith("json"):
            return json.dumps({"platform": {"login": {"userName": username, "password": password}}}).encode()
        root = ET.Element("platform")
        login = ET.SubElement(root, "login")
        ET.SubElement(login, "userName").text = username
        ET.SubElement(login, "password").text = password
        return ET.tostring(root, encoding="utf-8", xml_declaration=True)

    def _platform(self, answer, secret):
        """What stands below platform. Any code but 0 is a refusal, whatever the status."""
        if answer.trouble():
            raise LongJumpError(answer.trouble(), "", answer.status)
        try:
            platform = _read(answer)
        except Unreadable:
            if answer.status < 400:
                raise
            platform = None  # a refusal in the form of a proxy, say
        code = member(platform, "message", "code")
        code = brief(str(code), secret) if isinstance(code, (str, int)) else ""
        if answer.status >= 400 or code != "0":
            text = brief(member(platform, "message", "description"), secret) or f"the server refused the call (HTTP {answer.status})"
            raise LongJumpError(text, code, answer.status)
        return platform


def _read(answer):
    kind = answer.headers.get_content_type()
    if kind.endswith("/xml") or kind.endswith("+xml"):
        root = answer.xml()
        return _tree(root) if root.tag == "platform" else None
    return member(answer.object(), "platform")


def _tree(element):
    """An XML element as JSON would have it: text, or an object of its children."""
    if len(element) == 0:
        return (element.text or "").strip()
    return {child.tag: _tree(child) for child in element}
