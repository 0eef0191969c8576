"""The time, as Kubernetes writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
