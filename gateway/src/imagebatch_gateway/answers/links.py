"""Absolute URLs of the gateway's own calls."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Links:
    """Builds URLs of the gateway. ``base`` is its public URL, without a slash at the end."""

    base: str

    def page(self, path: str, **query: object) -> str:
        """Return the URL of a path below the base. Query parameters that are ``None`` are left
        out."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return f"{self.base}{path}" + (f"?{urlencode(given)}" if given else "")

    def status(self, name: str, cursor: str | None = None) -> str:
        query = f"?cursor={quote(cursor)}" if cursor else ""
        return f"{self.base}/api/status/{quote(name)}{query}"

    def download(self, name: str) -> str:
        return f"{self.base}/api/download/{quote(name)}"
