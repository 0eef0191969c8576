"""Absolute addresses of the gateway's own calls."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """Builds addresses below ``base``, which has no slash at its end."""

    base: str

    def status(self, name: str, cursor: str | None = None) -> str:
        query = f"?cursor={quote(cursor)}" if cursor else ""
        return f"{self.base}/api/status/{quote(name)}{query}"

    def download(self, name: str) -> str:
        return f"{self.base}/api/download/{quote(name)}"
