"""API keys: their format, and the record that is stored for each."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final

from imagebatch_core.model import Model

#: Start of a key ``ibk_<id>_<secret>``. It lets scanners find leaked keys, and no other token has
#: it.
PREFIX: Final = "ibk_"
_FORM: Final = re.compile(r"ibk_(?P<id>[a-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


class Scope(StrEnum):
    """What a key may do with the requests of its namespace."""

    READ = "read"
    WRITE = "write"


class ApiKey(Model):
    """An API key as it is stored.

    ``secret_sha256`` is a plain hash, because a secret of 256 random bits cannot be guessed.
    """

    id: str
    name: str
    namespace: str
    scope: Scope
    secret_sha256: str
    created_at: datetime
    created_by: str | None = None
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Return whether the key is no longer valid at ``now``."""
        return self.expires_at is not None and self.expires_at <= now

    def opens(self, secret: str) -> bool:
        """Return whether this is the secret of the key, in constant time."""
        return hmac.compare_digest(self.secret_sha256, _hashed(secret))


def new_key(
    name: str,
    namespace: str,
    scope: Scope,
    *,
    created_by: str | None,
    now: datetime,
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Return a new key, and the text that its owner must send, which is not stored anywhere."""
    id_ = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=id_,
        name=name,
        namespace=namespace,
        scope=scope,
        secret_sha256=_hashed(secret),
        created_at=now,
        created_by=created_by,
        expires_at=expires_at,
    )
    return key, f"{PREFIX}{id_}_{secret}"


def id_and_secret(text: str) -> tuple[str, str] | None:
    """Return id and secret of a key; ``None`` if the text does not have the format of a key."""
    match = _FORM.fullmatch(text)
    return (match["id"], match["secret"]) if match else None


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
