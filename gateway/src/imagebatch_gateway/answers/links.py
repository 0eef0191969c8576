"""Absolute URLs of the gateway's own calls."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Links:
    """Builds URLs of the gateway. ``base`` is its public URL, without a slash at the end.

    ``namespace`` is part of the query of each URL, unless it is ``None``.
    """

    base: str
    namespace: str | None = None

    def page(self, path: str, **query: object) -> str:
        """Return the URL of a path below the base. Query parameters that are ``None`` are left
        out."""
        query["namespace"] = self.namespace
        given = {name: str(value) for name, value in query.items() if value is not None}
        return f"{self.base}{path}" + (f"?{urlencode(given)}" if given else "")

    def status(self, name: str, cursor: str | None = None) -> str:
        return self.page(f"/api/status/{quote(name)}", cursor=cursor)

    def download(self, name: str) -> str:
        return self.page(f"/api/download/{quote(name)}")
