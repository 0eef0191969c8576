"""Find the addresses of a row that will fail for sure, or stand there twice."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from cachetools import LRUCache

from imagebatch_core.catalogue.rows import Row, RowProblem
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.urls import UrlRefused, check_url

_SHOWN: Final = 200
_HOSTS: Final = 10_000


class AddressCheck:
    """Checks the addresses of rows. Nothing is looked up: a name is refused by itself only."""

    def __init__(self, rules: EgressRules) -> None:
        self._rules = rules
        self._refusals: LRUCache[str, str | None] = LRUCache(_HOSTS)

    def problems(self, row: Row, column: int) -> Sequence[RowProblem]:
        """Return the problems of a row's addresses; ``column`` is where its list of them begins."""
        found: list[RowProblem] = []
        known = {problem.text for problem in row.problems}
        first: dict[str, int] = {}
        for position, url in enumerate(row.urls, start=1):
            if url[:_SHOWN] in known:
                continue
            why = self._refusal(url)
            if why is None and url in first:
                why = f"the same image URL as number {first[url]} of this row"
            if why is not None:
                found.append(RowProblem(row.line, column, url[:_SHOWN], why))
            first.setdefault(url, position)
        return found

    def _refusal(self, url: str) -> str | None:
        """Why the guard refuses an address. What it says depends on scheme and host alone."""
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in ("http", "https"):
            return None
        authority = rest
        for end in "/?#":
            authority = authority.partition(end)[0]
        origin = f"{scheme}://{authority}/"
        if origin not in self._refusals:
            self._refusals[origin] = self._judge(origin)
        return self._refusals[origin]

    def _judge(self, origin: str) -> str | None:
        try:
            host = check_url(origin).host or ""
        except UrlRefused as error:
            return str(error)
        why = self._rules.refused_name(host)
        if why is None and _is_address(host):
            why = self._rules.refusal(host, host)
        return None if why is None else f"{host} is not fetched: {why}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
