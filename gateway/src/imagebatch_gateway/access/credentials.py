"""Read the credentials of a request."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Final

from starlette.requests import HTTPConnection

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway.backends.errors import CredentialRefused
from imagebatch_gateway.backends.reviews import Person
from imagebatch_gateway.settings import Settings

from .api_key import PREFIX
from .caller import Credentials
from .sessions import Sessions

PROXY_SECRET_HEADER: Final = "X-ImageBatch-Proxy-Secret"  # noqa: S105 - the name of a header
_SHORTEST_SECRET: Final = 16
#: Prefix of users and groups of the cluster itself, which a proxy must not name.
_SYSTEM: Final = "system:"
_EVERYBODY: Final = "system:authenticated"


class CredentialReader:
    """Reads credentials according to the setting ``auth_mode``.

    Raises:
        ConfigurationRefused: the mode is ``proxy`` and its secret is missing or too short.
    """

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._sessions = sessions
        self._mode = settings.auth_mode
        self._secret = settings.auth_proxy_secret or ""
        self._user = settings.auth_proxy_user_header
        self._groups = settings.auth_proxy_groups_header
        if self._mode == "proxy" and len(self._secret) < _SHORTEST_SECRET:
            raise ConfigurationRefused(
                "IMAGEBATCH_AUTH_PROXY_SECRET must have at least "
                f"{_SHORTEST_SECRET} characters with IMAGEBATCH_AUTH_MODE=proxy"
            )

    def read(self, request: HTTPConnection) -> Credentials:
        """Return the credentials of a request: its ``Authorization``, else its session, else the
        proxy's headers.

        Raises:
            CredentialRefused: the proxy names a user that only the cluster may name.
        """
        sent = request.headers.get("Authorization")
        if sent is not None:
            found = self.of_text(_bearer(sent))
            if found.given:
                return found
        in_session = self.of_text(self._sessions.credential(request))
        if in_session.given:
            return replace(in_session, ambient=True, session=True)
        if self._mode == "proxy":
            person = self._person(request)
            return Credentials(person=person, ambient=True)
        # Without sign-in, being inside the network is the credential, which a browser has by
        # itself.
        return Credentials(ambient=True)

    def of_text(self, text: str | None) -> Credentials:
        """Return the credentials in a text: an API key or, with the mode ``kubernetes``, a
        token."""
        # A text that is not a valid header value must not be sent on to the API server.
        if text is None or not (text.isascii() and text.isprintable()) or " " in text:
            return Credentials()
        if text.startswith(PREFIX):
            return Credentials(key=text)
        if self._mode == "kubernetes":
            return Credentials(token=text)
        # With other modes a token is ignored: it may be one that a proxy passes on.
        return Credentials()

    def _person(self, request: HTTPConnection) -> Person | None:
        sent = request.headers.get(PROXY_SECRET_HEADER, "")
        if not hmac.compare_digest(sent.encode(), self._secret.encode()):
            return None
        user = request.headers.get(self._user, "").strip()
        if not user:
            return None
        if user.startswith(_SYSTEM):
            raise CredentialRefused(f"the proxy names the user {user!r}; no name may begin so")
        named = ",".join(request.headers.getlist(self._groups)).split(",")
        groups = (group.strip() for group in named)
        kept = [group for group in groups if group and not group.startswith(_SYSTEM)]
        return Person(user, (*kept, _EVERYBODY))


def _bearer(sent: str) -> str | None:
    """Return the token of an ``Authorization`` header; ``None`` for a scheme other than Bearer."""
    scheme, _, token = sent.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
