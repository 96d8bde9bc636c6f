"""JMap Cloud: an access token, and a refresh token that is used once.

A call that is refused for its access token renews the pair once, and is repeated
once. Many threads renew together: one does, the others wait. The password is not
kept: when the refresh token is refused, the error has login=True.

A refresh token whose answer was lost may be used up. It is not sent again.
"""

from __future__ import annotations

import json
import threading

from wire import ApiError, Deadline, NoAnswer, Unreadable, Wire, brief, member


class JMapCloudError(ApiError):
    """code is a key that the vendor documents for JMap.User, or "" where none is documented."""


class JMapCloud:
    """A client for one user at a time; safe for many threads."""

    def __init__(self, base_url, timeout=5.0):
        self.timeout, self._wire = timeout, Wire(base_url)
        self._lock = threading.Lock()  # held while the pair is renewed or replaced
        self._access = self._refresh = None

    def login(self, email, password):
        """Get a pair. user.login.error.credential: address or password is wrong."""
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            self._access = self._refresh = None
            answer = self._post(deadline, "/authenticate", {"username": email, "password": password})
            self._access, self._refresh = self._pair(answer, password)
        except (NoAnswer, Unreadable) as e:
            raise JMapCloudError(str(e), "user.login.error.unexpected", e.status) from None
        except JMapCloudError as e:
            key = "user.login.error." + ("credential" if e.status == 401 else "server")
            raise JMapCloudError(str(e), key, e.status) from None
        finally:
            self._lock.release()

    def set_token(self, refresh_token):
        """Take over a session by its refresh token, which is used up by that."""
        self._renew(Deadline(self.timeout), refresh_token=refresh_token)

    def refresh(self, organization_id=None):
        """Renew the pair now, also to choose an organization."""
        self._renew(Deadline(self.timeout), organization_id=organization_id)

    def me(self):
        """Name and organizations of the user."""
        deadline, access = Deadline(self.timeout), self._access
        if access is None:
            raise self._over("not logged in")
        answer = self._get(deadline, "/users/self", access)
        if answer.status == 401:
            access = self._renew(deadline, refused=access)
            answer = self._get(deadline, "/users/self", access)
            if answer.status == 401:  # a new token is refused, too: another one would not help
                raise self._over("the server refuses the new access token", 401)
        return member(self._body(answer, access), "result")

    def logout(self):
        """Revoke the refresh token. Both tokens are forgotten here in any case."""
        deadline = Deadline(self.timeout)
        deadline.acquire(self._lock)
        try:
            refresh, self._access, self._refresh = self._refresh, None, None
        finally:
            self._lock.release()
        if refresh is None:
            return
        try:
            self._body(self._post(deadline, "/revoke-token", {"refreshToken": refresh}), refresh)
        except (NoAnswer, Unreadable) as e:
            raise JMapCloudError(str(e), "user.logout.error.unexpected", e.status) from None
        except JMapCloudError as e:
            raise JMapCloudError(str(e), "user.logout.error.server", e.status) from None

    def _renew(self, deadline, refused=None, refresh_token=None, organization_id=None):
        """Use the refresh token, unless another thread did so since refused was refused."""
        deadline.acquire(self._lock)
        try:
            if refused is not None and self._access is not None and self._access != refused:
                return self._access
            token = refresh_token or self._refresh
            if token is None:
                self._access = None
                raise self._over("the session is over")
            body = {"refreshToken": token, **({"organizationId": organization_id} if organization_id else {})}
            try:
                answer = self._post(deadline, "/refresh-token", body)
                if answer.status == 401:
                    self._access = self._refresh = None
                    raise self._over("the refresh token is refused", 401)
                if answer.status == 200 and answer.headers.get_content_type() == "application/json":
                    self._refresh = None  # used up, whatever can be read of the answer
                self._access, self._refresh = self._pair(answer, token)
            except NoAnswer as e:
                if not e.sent:
                    raise
                self._refresh = None  # perhaps used up
                if refused is None and self._access is not None:
                    raise  # the access token still works, as far as is known
                self._access = None
                raise self._over(f"the answer to the renewal was lost ({e})") from None
            return self._access
        finally:
            self._lock.release()

    @staticmethod
    def _over(text, status=0):
        return JMapCloudError(text + "; log in again", "user.token.invalid", status, login=True)

    def _post(self, deadline, path, body):
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return self._wire.send(deadline, "POST", path, headers=headers, body=json.dumps(body).encode())

    def _get(self, deadline, path, access):
        return self._wire.send(deadline, "GET", path, headers={"Accept": "application/json", "Authorization": "Bearer " + access})

    def _body(self, answer, secret):
        if answer.trouble():
            raise JMapCloudError(answer.trouble(), "", answer.status)
        if answer.status >= 400:
            text = brief(answer.refusal().get("message"), secret) or f"the server refused the call (HTTP {answer.status})"
            raise JMapCloudError(text, "", answer.status)
        return answer.object()

    def _pair(self, answer, secret):
        """Both tokens of an answer. The older form has an access token alone."""
        result = member(self._body(answer, secret), "result")
        access, refresh = (result, None) if isinstance(result, str) else (member(result, "accessToken"), member(result, "refreshToken"))
        if not isinstance(access, str) or not access or not isinstance(refresh, (str, type(None))):
            raise Unreadable(f"the answer (HTTP {answer.status}) has no access token", status=answer.status)
        return access, refresh or None
