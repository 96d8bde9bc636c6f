"""WEDIA engine: an access token, and a refresh token that stays as it is.

Bearer mode: both tokens are kept here. Cookie mode: both are in cookies. A call that
is refused for its access token refreshes once and is repeated once; of many threads
one does. The password is not kept: when the refresh is refused, the error has
login=True. What makes an answer a refusal is its member error, not its status.
"""

from __future__ import annotations

import re
import threading
import urllib.parse

from wire import ApiError, Deadline, Unreadable, Wire, brief, member

ACCESS_COOKIE = "x-wedia-api-token-tk"


class WediaError(ApiError):
    """code is the member error of the answer, such as 401/2."""


class Wedia:
    """A client for one caller at a time; safe for many threads."""

    def __init__(self, base_url, timeout=5.0, cookies=False):
        self.timeout, self._cookies = timeout, cookies
        self._wire = Wire(base_url, cookies=True)  # some releases keep a servlet session in both modes
        self._lock = threading.Lock()
        self._access = self._refresh = None
        self._turn = 0  # counts the access tokens

    def signin(self, login, password, application=None):
        """Sign in as a user, or with the name of an application by its key and secret."""
        fields = {"login": login, "password": password, **({"application": application} if application else {})}
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            self._forget()
            self._take(self._post(deadline, "/api/rest/signin", fields), password)
        finally:
            self._lock.release()

    def resume(self, refresh_token):
        """Take over a session by its refresh token (bearer mode)."""
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            self._forget()
            self._refresh = refresh_token
            self._refresh_now(deadline)
        finally:
            self._lock.release()

    def refresh(self):
        """Get a new access token now."""
        self._renew(Deadline(self.timeout), None)

    def whoami(self):
        """The caller, as an object."""
        deadline, turn = Deadline(self.timeout), self._turn
        if self._access is None:
            raise WediaError("not signed in; sign in", login=True)
        try:
            return self._whoami(deadline)
        except WediaError as e:
            if e.status != 401:
                raise
        self._renew(deadline, turn)
        try:
            return self._whoami(deadline)
        except WediaError as e:  # a new token is refused, too: another one would not help
            raise WediaError(str(e), e.code, e.status, login=e.status == 401) from None

    def signout(self):
        """Revoke the refresh token. Everything is forgotten here in any case."""
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            if self._access is None and self._refresh is None:
                return
            fields = {} if self._cookies else {"token": self._refresh}
            try:
                self._body(self._post(deadline, "/api/rest/signout", fields), self._refresh)
            finally:
                self._forget()
        finally:
            self._lock.release()

    def _renew(self, deadline, turn):
        """Refresh, unless another thread did so since turn."""
        deadline.acquire(self._lock)
        try:
            if turn is None or turn == self._turn or self._access is None:
                self._refresh_now(deadline)
        finally:
            self._lock.release()

    def _refresh_now(self, deadline):
        if self._refresh is None and not (self._cookies and self._access):
            raise WediaError("not signed in; sign in", login=True)
        fields = {"cookieauth": "true"} if self._cookies else {"token": self._refresh}
        try:
            self._take(self._post(deadline, "/api/rest/token", fields), self._refresh)
        except WediaError as e:
            if e.status not in (400, 401, 403):
                raise
            self._forget()
            raise WediaError(f"{e}; sign in again", e.code, e.status, login=True) from None

    def _take(self, answer, secret):
        """Keep the tokens of an answer; one that it leaves out stays as it was."""
        body = self._body(answer, secret)
        if self._cookies:
            access, refresh = self._wire.cookie(ACCESS_COOKIE), None
        else:
            access, refresh = member(body, "accessToken"), member(body, "refreshToken")
        if not isinstance(access, str) or not access:
            raise Unreadable(f"the answer (HTTP {answer.status}) has no access token", status=answer.status)
        self._access, self._refresh, self._turn = access, refresh or self._refresh, self._turn + 1

    def _forget(self):
        self._access = self._refresh = None
        self._wire.jar.clear()

    def _post(self, deadline, path, fields):
        if self._cookies and path.endswith("/signin"):
            fields = {**fields, "cookieauth": "true"}
        headers = {"Accept": "application/json"}
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(fields).encode() if fields else None
        return self._wire.send(deadline, "POST", path, headers=headers, body=body)

    def _whoami(self, deadline):
        headers, access = {"Accept": "application/json"}, self._access
        if not self._cookies and access is not None:
            headers["Authorization"] = "Bearer " + access
        answer = self._wire.send(deadline, "GET", "/api/rest/whoami", headers=headers)
        return member(self._body(answer, access), "response", "data")

    def _body(self, answer, secret):
        if answer.trouble():
            raise WediaError(answer.trouble(), "", answer.status)
        body = answer.refusal() if answer.status >= 400 else answer.object()
        code = body.get("error")
        if answer.status >= 400 or code is not None:
            code = brief(str(code or ""), secret)
            of_code = re.match(r"[45]\d\d", code)  # the status is 200 on some servers
            status = int(of_code.group()) if answer.status < 400 and of_code else answer.status
            raise WediaError(brief(body.get("message"), secret) or f"the server refused the call (HTTP {status})", code, status)
        return body
