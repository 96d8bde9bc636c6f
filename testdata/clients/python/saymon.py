"""SAYMON: a session, named by the cookie sid.

No lifetime is documented and there is no refresh, so the password is not kept: when
the session has ended, calls raise an error with login=True.
"""

from __future__ import annotations

import json
import threading

from wire import ApiError, Deadline, Unreadable, Wire, brief


class SaymonError(ApiError):
    """code is the code of the answer, or its errorCode where it has no other."""


class Saymon:
    """A client for one user at a time; safe for many threads."""

    def __init__(self, base_url, timeout=5.0):
        self.timeout = timeout
        self._wire, self._lock, self._live = Wire(base_url, cookies=True), threading.Lock(), False

    def login(self, login, password):
        """Create a session with login and password."""
        self._begin({"login": login, "password": password}, password)

    def login_with_token(self, api_token):
        """Create a session with the API token of a user."""
        self._begin({"auth-token": api_token}, api_token)

    def me(self):
        """The user who is logged in, as an object."""
        user = self._call("GET", "/users/current")
        if not isinstance(user, dict) or not user.get("id"):
            raise Unreadable("the answer has no user")
        return user

    def logout(self):
        """Delete the session. It is forgotten here in any case."""
        if not self._live:
            return
        try:
            self._call("DELETE", "/users/session")
        finally:
            self._forget()

    def _begin(self, body, secret):
        self._forget()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        answer = self._wire.send(Deadline(self.timeout), "POST", "/users/session", headers=headers, body=json.dumps(body).encode())
        self._value(answer, secret)
        if self._wire.cookie("sid") is None:
            raise Unreadable(f"the answer (HTTP {answer.status}) sets no cookie sid", status=answer.status)
        self._live = True

    def _call(self, method, path):
        if not self._live:
            raise SaymonError("not logged in; log in", login=True)
        headers, csrf, session = {"Accept": "application/json"}, self._wire.cookie("csrf"), self._wire.cookie("sid")
        if method != "GET" and csrf is not None:
            headers["x-csrf-token"] = csrf
        answer = self._wire.send(Deadline(self.timeout), method, path, headers=headers)
        try:
            return self._value(answer, session)
        except SaymonError as e:
            if e.status == 401:
                with self._lock:
                    if self._wire.cookie("sid") == session:  # and not that of a new login
                        self._forget()
                raise SaymonError(f"{e} Log in again.", e.code, 401, login=True) from None
            raise

    def _forget(self):
        self._live = False
        self._wire.jar.clear()

    def _value(self, answer, secret):
        if answer.trouble():
            raise SaymonError(answer.trouble(), "", answer.status)
        if answer.status < 400:
            return answer.json() if answer.body else None
        body = answer.refusal()
        text, code = body.get("message"), body.get("code") or body.get("errorCode") or ""
        try:
            text = json.loads(text)["message"]  # in most refusals the text holds JSON
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise SaymonError(brief(text, secret) or f"the server refused the call (HTTP {answer.status})", brief(str(code), secret), answer.status)
