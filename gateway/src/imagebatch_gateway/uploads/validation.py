"""Checks a file as an upload would, without storing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import urlsplit

import anyio.to_thread

from imagebatch_core.catalogue.rows import Row, RowProblem
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.source import Source

from .address_check import AddressCheck
from .csv_check import CsvFacts, check_csv

#: Number of rows in the sample, and of hosts in the response: those with the most images.
SAMPLE_ROWS: Final = 10
HOSTS_SHOWN: Final = 100
#: Number of hosts that are always kept in memory. If twice as many are counted, those with the
#: fewest images are dropped.
HOSTS_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Inspection:
    """Result of the check. ``hosts`` are pairs of host and number of images, the most first."""

    facts: CsvFacts
    hosts: Sequence[tuple[str, int]]
    sample: Sequence[Row]


async def inspect(
    file: IO[bytes], source: Source, rules: EgressRules, limiter: anyio.CapacityLimiter
) -> Inspection:
    """Check a file and return what is in it. Raises InputRefused if an upload would.

    ``rules`` say which addresses are never fetched. ``limiter`` limits how many files are checked
    at the same time.
    """
    seen = _Seen(AddressCheck(rules))
    facts = await anyio.to_thread.run_sync(check_csv, file, source, seen.add, limiter=limiter)
    return Inspection(facts, seen.hosts.most_common(HOSTS_SHOWN), seen.sample)


class _Seen:
    def __init__(self, addresses: AddressCheck) -> None:
        self._addresses = addresses
        self.hosts: Counter[str] = Counter()
        self.sample: list[Row] = []

    def add(self, row: Row, column: int) -> Sequence[RowProblem]:
        if len(self.sample) < SAMPLE_ROWS:
            self.sample.append(row)
        for url in row.urls:
            host = _host(url)
            if host is not None:
                self.hosts[host] += 1
        if len(self.hosts) > 2 * HOSTS_COUNTED:
            self.hosts = Counter(dict(self.hosts.most_common(HOSTS_COUNTED)))
        return self._addresses.problems(row, column)


def _host(url: str) -> str | None:
    """Return the host of a URL; for ``s3://`` URLs the bucket, as ``s3://name``.

    Returns ``None`` for text that is not a URL.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if not host or parts.scheme not in ("http", "https", "s3"):
        return None
    return f"s3://{host}" if parts.scheme == "s3" else host
