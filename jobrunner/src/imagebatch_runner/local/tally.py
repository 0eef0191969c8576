"""What a run came to, counted while it runs and, at its end, over the whole report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus

#: Failures of one code that are shown one by one; all of them are in the report.
_LISTED = 3


@dataclass(slots=True)
class Tally:
    """Of the images so far; sizes in bytes, of those that did not fail."""

    done: int = 0
    failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, result: ImageResult) -> None:
        self.done += 1
        self.failed += result.status is ImageStatus.FAILED
        self.bytes_in += result.bytes_in or 0
        self.bytes_out += result.bytes_out or 0


@dataclass(slots=True)
class FailureGroups:
    """Failures by their code: how many, and the first few in input order."""

    counts: Counter[ErrorCode] = field(default_factory=Counter)
    first: dict[ErrorCode, list[ImageResult]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[ImageResult]) -> FailureGroups:
        groups = cls()
        for result in results:
            code = result.error_code
            if code is None:
                continue
            groups.counts[code] += 1
            listed = groups.first.setdefault(code, [])
            if len(listed) < _LISTED:
                listed.append(result)
        return groups


def saved(bytes_in: int, bytes_out: int) -> str:
    """The share of bytes saved, as ``61.3%``."""
    return f"{100 * (1 - bytes_out / bytes_in):.1f}%" if bytes_in else "0.0%"
