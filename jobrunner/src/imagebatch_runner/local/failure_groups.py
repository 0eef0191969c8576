"""The failed images of a run, grouped by error code for the summary at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from imagebatch_core.results import ErrorCode, ImageResult

#: How many failures of one code are listed; the report has all of them.
_LISTED = 3


@dataclass(slots=True)
class FailureGroups:
    """How many images failed with each code, and the first few of them in input order."""

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
