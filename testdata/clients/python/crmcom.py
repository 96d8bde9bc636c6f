"""CRM.COM Web API: a token that lives for two hours, and no refresh.

To go on, a client authenticates again; so user and password (or the Web API key)
are kept until logout(). A call that is refused for its token authenticates once
and is repeated once; of many threads one does. A refusal is known by status.code
in the body, also where the HTTP status is 200.
"""

from __future__ import annotations

import base64
import json
import threading

from wire import ApiError, Deadline, Unreadable, Wire, brief, member

TOKEN_CODES = ("INVALIDTOKEN", "TOKENEXPIRED", "EXPIREDTOKEN")


class CrmError(ApiError):
    """code is status.code of the answer."""


class CrmCom:
    """A client for one user at a time; safe for many threads.

    releases: the server has authentication/token/release (R10 and R11), which logout()
    then calls. spelling: the name of the member organisation in this release.
    """

    def __init__(self, base_url, timeout=5.0, releases=False, spelling="organisation"):
        self.timeout, self._releases, self._spelling = timeout, releases, spelling
        self._wire, self._lock = Wire(base_url), threading.Lock()
        self._token = self._login = None  # _login: path, headers, body, secret

    def login(self, username, password, organisation, unit=None):
        """Authenticate with user name and password."""
        body = {"username": username, "password": password, self._spelling: organisation, **({"unit": unit} if unit else {})}
        self._begin("/authentication/token", {}, body, password)

    def login_with_key(self, key, unit=None):
        """Authenticate with a Web API key, which is the user name of HTTP Basic."""
        basic = base64.b64encode(f"{key}:".encode()).decode()
        self._begin("/authentication/web_api_key/token", {"Authorization": "Basic " + basic}, {"unit": unit} if unit else {}, key)

    def contact(self, number):
        """Read a contact. The token of a GET travels in the query."""
        deadline = Deadline(self.timeout)
        token, repeated = self._valid(deadline), False
        while True:
            query = {"token": token, "contact_information_identifier": "number=" + number}
            answer = self._wire.send(deadline, "GET", "/contact_information/show", query=query, headers={"Accept": "application/json"})
            try:
                return self._data(answer, token)
            except CrmError as e:
                if not _is_about_token(e):
                    raise
                if repeated:  # a new token is refused, too: another one would not help
                    raise CrmError(f"{e}; log in again", e.code, e.status, login=True) from None
            token, repeated = self._valid(deadline, refused=token), True

    def logout(self):
        """Forget token and credentials; where the release can, release the token first."""
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            token, self._token, self._login = self._token, None, None
        finally:
            self._lock.release()
        if token is not None and self._releases:
            self._data(self._post(deadline, "/authentication/token/release", {}, {"token": token}), token)

    def _begin(self, path, headers, body, secret):
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            self._token = self._login = None
            self._token = self._authenticate(deadline, path, headers, body, secret)
            self._login = (path, headers, body, secret)
        finally:
            self._lock.release()

    def _valid(self, deadline, refused=None):
        """A token other than the refused one; authenticates again if there is no such."""
        if refused is None and self._token is not None:
            return self._token
        deadline.acquire(self._lock)
        try:
            if self._login is None:
                raise CrmError("not logged in; log in", login=True)
            if self._token is None or self._token == refused:
                self._token = None
                try:
                    self._token = self._authenticate(deadline, *self._login)
                except CrmError as e:
                    if e.status in (200, 401):  # refused: to try again would lock the user out
                        self._login = None
                        raise CrmError(f"{e}; log in again", e.code, e.status, login=True) from None
                    raise
            return self._token
        finally:
            self._lock.release()

    def _authenticate(self, deadline, path, headers, body, secret):
        token = member(self._data(self._post(deadline, path, headers, body), secret), "token")
        if isinstance(token, int) and not isinstance(token, bool):
            token = str(token)
        if not isinstance(token, str) or not token:
            raise Unreadable("the answer has no token")
        return token

    def _post(self, deadline, path, headers, body):
        headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        return self._wire.send(deadline, "POST", path, headers=headers, body=json.dumps(body).encode())

    def _data(self, answer, secret):
        if answer.trouble():
            raise CrmError(answer.trouble(), "", answer.status)
        body = answer.refusal() if answer.status >= 400 else answer.object()
        code, texts = member(body, "status", "code"), (member(body, "status", "message"), member(body, "status", "description"))
        if answer.status >= 400 or not isinstance(code, str) or code.upper() != "OK":
            text = next((brief(t, secret) for t in texts if t), "") or f"the server refused the call (HTTP {answer.status})"
            raise CrmError(text, brief(code, secret), answer.status)
        return body.get("data")


def _is_about_token(error):
    last = error.code.upper().rsplit(".", 1)[-1]
    return error.status == 401 or last.startswith(TOKEN_CODES)
