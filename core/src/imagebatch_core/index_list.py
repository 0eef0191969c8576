"""Lists of numbers in Kubernetes' notation for completion indexes, as ``0-3,7``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def parse_indexes(text: str | None) -> Iterator[int]:
    """Yield the numbers of a list: 0, 1, 2, 3, 7 for ``0-3,7``; none for an empty one."""
    for first, last in _ranges(text):
        yield from range(first, last + 1)


def count_indexes(text: str | None) -> int:
    """Return how many numbers a list has: 5 for ``0-3,7``."""
    return sum(last - first + 1 for first, last in _ranges(text))


def format_indexes(numbers: Iterable[int]) -> str:
    """Return the list of these numbers, which must ascend."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def _ranges(text: str | None) -> Iterator[tuple[int, int]]:
    for part in (text or "").split(","):
        first, _, last = part.strip().partition("-")
        if first:
            yield int(first), int(last or first)
