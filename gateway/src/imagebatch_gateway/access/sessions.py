"""Browser sessions: an encrypted cookie with the credential that a person signed in with.

The gateway stores no sessions, so a session survives a restart and is valid at every replica with
the same key. A cookie that an attacker sets cannot be decrypted, which prevents session fixation.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from starlette.requests import HTTPConnection
from starlette.responses import Response

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway.answers.access_problems import credential_too_long
from imagebatch_gateway.settings import Settings

#: Name of the cookie behind TLS. Its prefix prevents pages of neighbouring hosts from setting it.
SECURE_COOKIE: Final = "__Host-imagebatch"
PLAIN_COOKIE: Final = "imagebatch"
_SHORTEST_KEY: Final = 32
#: The most characters of a cookie's value that all browsers accept.
_LONGEST_VALUE: Final = 3900
_LONGEST_CREDENTIAL: Final = 64 * 1024


class Sessions:
    """Encrypts and decrypts sessions. ``now`` returns the time of day.

    Raises:
        ConfigurationRefused: a key of the settings is too short.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        texts = (settings.auth_session_keys or "").split()
        if any(len(text) < _SHORTEST_KEY for text in texts):
            raise ConfigurationRefused(
                f"each key of IMAGEBATCH_AUTH_SESSION_KEYS must have at least {_SHORTEST_KEY} "
                "characters"
            )
        self._fernet = MultiFernet([_fernet(text) for text in texts or [secrets.token_hex(32)]])
        self._seconds = settings.auth_session_seconds
        self._now = now
        public = urlsplit(settings.gateway_url or "")
        self._secure_host = public.netloc.lower() if public.scheme == "https" else None

    def credential(self, request: HTTPConnection) -> str | None:
        """Return the credential of a request's session; ``None`` without a valid session."""
        sealed = request.cookies.get(self._cookie(request))
        if sealed is None:
            return None
        try:
            packed = self._fernet.decrypt_at_time(
                sealed.encode(), ttl=self._seconds, current_time=self._seconds_of_day()
            )
            return zlib.decompress(packed).decode()
        except (InvalidToken, zlib.error, ValueError):
            return None

    def begin(self, request: HTTPConnection, response: Response, credential: str) -> None:
        """Set a new session cookie, which replaces any earlier one.

        Raises:
            Problem: the credential is too long for a cookie.
        """
        packed = zlib.compress(credential.encode(), 9)
        sealed = self._fernet.encrypt_at_time(packed, self._seconds_of_day()).decode()
        if len(sealed) > _LONGEST_VALUE or len(credential) > _LONGEST_CREDENTIAL:
            raise credential_too_long()
        response.set_cookie(
            self._cookie(request),
            sealed,
            max_age=self._seconds,
            path="/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )

    def end(self, request: HTTPConnection, response: Response) -> None:
        """Delete the browser's session cookie."""
        response.delete_cookie(
            self._cookie(request),
            path="/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="strict",
        )

    def _cookie(self, request: HTTPConnection) -> str:
        return SECURE_COOKIE if self._is_secure(request) else PLAIN_COOKIE

    def _is_secure(self, request: HTTPConnection) -> bool:
        """Return whether the browser uses TLS, which may be terminated before the gateway."""
        host = request.headers.get("Host", "").lower()
        return request.url.scheme == "https" or (
            self._secure_host is not None and host == self._secure_host
        )

    def _seconds_of_day(self) -> int:
        return int(self._now().timestamp())


def _fernet(text: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()))
