"""Callers and API keys as the gateway returns them."""

from __future__ import annotations

from datetime import datetime

from .models import ApiModel


class Key(ApiModel):
    """An API key without its secret."""

    id: str
    name: str
    namespace: str
    scope: str
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None


class NewlyMadeKey(Key):
    """An API key with its secret, which the gateway shows this once."""

    key: str


class Caller(ApiModel):
    """Who calls, and what they may do."""

    auth_mode: str
    user: str | None
    kind: str
    namespace: str
    namespaces: list[str]
    may_read: bool
    may_write: bool
    may_manage_keys: bool
