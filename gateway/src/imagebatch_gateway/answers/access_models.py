"""Bodies of the calls about sessions and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from imagebatch_core.model import Model


class SignIn(Model):
    """The credential with which a person signs in."""

    token: str = Field(
        min_length=1,
        max_length=64 * 1024,
        description="An API key or, with `auth.mode` kubernetes, a bearer token of the cluster.",
    )


class NewKey(Model):
    """An API key to create."""

    name: str = Field(
        min_length=1,
        max_length=100,
        description="Name of the key, for instance of its program; it is recorded as createdBy of "
        "its requests.",
    )
    scope: Literal["read", "write"] = Field(
        "read",
        description="`read` allows reading requests; `write` also allows creating, "
        "changing and deleting them.",
    )
    expires_in_days: int | None = Field(
        None,
        ge=1,
        le=3650,
        description="Days after which the key expires. Not set: it never expires.",
    )


class KeyItem(Model):
    """An API key, without its secret."""

    id: str
    name: str
    namespace: str
    scope: Literal["read", "write"]
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None = Field(
        description="Time at which the key expires; null if it never expires."
    )


class KeyCreated(KeyItem):
    """A new API key."""

    key: str = Field(
        description="What the program sends as `Authorization: Bearer <key>`. It is shown this "
        "once: the gateway keeps its hash only."
    )


class KeyList(Model):
    items: list[KeyItem]
    next: str | None = Field(None, description="Always null, because all keys are on one page.")
