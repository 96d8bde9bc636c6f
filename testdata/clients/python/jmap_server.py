"""JMap Server: one session, named by a number.

The error codes are the keys that the vendor documents for JMap.User. There is no
refresh, and the password is not kept: when the session has ended, call() raises
user.token.invalid with login=True.
"""

from __future__ import annotations

import json
import threading

from wire import ApiError, Deadline, NoAnswer, Unreadable, Wire, brief, member

SESSION = "/services/rest/v2.0/session"


class JMapServerError(ApiError):
    """code is a documented key, or the server's phrase where none is documented."""


class JMapServer:
    """A client for one user at a time; safe for many threads."""

    def __init__(self, base_url, timeout=5.0, session_type="NG"):
        self.timeout, self._type = timeout, session_type
        self._wire, self._lock, self._id = Wire(base_url), threading.Lock(), None

    def login(self, username, password):
        """Open a session. user.login.error.credential: name or password is wrong."""
        deadline = Deadline(self.timeout)
        with self._lock:
            self._id = None
        body = json.dumps({"username": username, "password": password, "type": self._type}).encode()
        try:
            answer = self._wire.send(deadline, "POST", SESSION, headers=_headers(json_body=True), body=body)
            result = self._result(answer, password)
            session_id = _session_id(member(result, "sessionId"))
        except Unreadable as e:
            raise JMapServerError(str(e), "user.login.error.unexpected", e.status) from None
        except NoAnswer as e:
            raise JMapServerError(str(e), "user.login.error.unexpected") from None
        except JMapServerError as e:
            wrong = e.status == 403 or e.code == "Forbidden access denied"
            raise JMapServerError(str(e), "user.login.error." + ("credential" if wrong else "server"), e.status) from None
        with self._lock:
            self._id = session_id

    def set_token(self, session_id):
        """Take over a session that something else opened; it is checked first."""
        session_id = _session_id(session_id)
        self._call(session_id, "GET", SESSION)
        with self._lock:
            self._id = session_id

    def projects(self):
        """The projects that the user may open, as a list of objects."""
        result = self._call(self._session(), "GET", "/services/rest/v2.0/projects")
        return result if isinstance(result, list) else []

    def logout(self):
        """End the session. It is forgotten here in any case."""
        with self._lock:
            session_id, self._id = self._id, None
        if session_id is None:
            return
        try:
            self._call(session_id, "DELETE", SESSION)
        except (NoAnswer, Unreadable) as e:
            raise JMapServerError(str(e), "user.logout.error.unexpected", e.status) from None
        except JMapServerError as e:
            raise JMapServerError(str(e), "user.logout.error.server", e.status) from None

    def _session(self):
        with self._lock:
            if self._id is None:
                raise JMapServerError("not logged in", "user.token.invalid", login=True)
            return self._id

    def _call(self, session_id, method, path):
        query = {"sessionId": session_id}
        answer = self._wire.send(Deadline(self.timeout), method, path, query=query, headers=_headers())
        try:
            return self._result(answer, session_id)
        except JMapServerError as e:
            if e.status != 401 and e.code != "Unauthorized":
                raise
            with self._lock:
                if self._id == session_id:
                    self._id = None
            raise JMapServerError(str(e), "user.token.invalid", e.status, login=True) from None

    def _result(self, answer, secret):
        """What was asked for. An answer is a refusal if its status is not OK."""
        if answer.trouble():
            raise JMapServerError(answer.trouble(), "", answer.status)
        body = answer.refusal() if answer.status >= 400 else answer.object()
        status = body.get("status")
        if answer.status >= 400 or status != "OK":
            phrase = status if isinstance(status, str) and status != "OK" else f"HTTP {answer.status}"
            text = brief(body.get("message"), secret) or f"the server refused the call (HTTP {answer.status})"
            raise JMapServerError(text, brief(phrase, secret), answer.status)
        return body.get("result")


def _headers(json_body=False):
    return {"Accept": "application/json", **({"Content-Type": "application/json"} if json_body else {})}


def _session_id(value):
    """A session id as the query has it. Numbers and texts with quotes were both seen."""
    text = str(value).strip().strip("\"'") if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit()):
        raise Unreadable("there is no session id where one was expected")
    return text
