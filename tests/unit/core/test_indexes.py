"""Where the failures of a report are: ranges of its lines, few however many there are."""

from __future__ import annotations

from imagebatch_core.indexes import FailedLines, FailedRanges, FailureGroups, ReportIndex
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem

LINE = 600


def ranges_of(rows: list[int], *, most: int, gap: int) -> list[FailedLines]:
    found = FailedRanges(most=most, gap=gap)
    for row in rows:
        found.add(row, row * LINE, (row + 1) * LINE)
    return found.ranges


def test_lines_that_are_close_together_share_a_range() -> None:
    assert ranges_of([1, 2, 4, 50], most=10, gap=1000) == [
        (1, 1 * LINE, 5 * LINE),
        (50, 50 * LINE, 51 * LINE),
    ]


def test_the_number_of_ranges_is_bounded_and_they_cover_every_failure() -> None:
    rows = list(range(0, 100_000, 7))
    found = ranges_of(rows, most=100, gap=0)

    assert len(found) <= 100
    assert [one.start for one in found] == sorted(one.start for one in found)
    for row in rows:
        assert any(one.start <= row * LINE and (row + 1) * LINE <= one.end for one in found)
    # And they are no longer than they must be.
    assert sum(one.end - one.start for one in found) <= 100_000 * LINE


def failure(row: int, code: ErrorCode) -> ImageResult:
    return ImageResult.failure(ShardItem(row, 1, f"http://x/{row}"), code, "why")


def index_of(groups: FailureGroups) -> ReportIndex:
    return ReportIndex(every=1000, rows=1, images=1, csv=[0], jsonl=[0], failures=groups.groups())


def test_the_ranges_of_all_codes_are_joined_in_input_order() -> None:
    groups = FailureGroups()
    for row, code in ((1, ErrorCode.EMPTY), (500, ErrorCode.TIMEOUT), (1000, ErrorCode.EMPTY)):
        groups.add_line(failure(row, code), row * LINE, (row + 1) * LINE)
    index = index_of(groups)

    assert index.failed_lines() == [(row, row * LINE, (row + 1) * LINE) for row in (1, 500, 1000)]
    assert index.failed_lines("timeout") == [(500, 500 * LINE, 501 * LINE)]
    assert index.failed_lines("corrupt") == []


def test_an_index_of_an_older_release_has_no_ranges() -> None:
    groups = FailureGroups()
    groups.add(failure(1, ErrorCode.EMPTY))

    assert index_of(groups).failed_lines() is None
    assert index_of(groups).model_copy(update={"failures": None}).failed_lines() is None
