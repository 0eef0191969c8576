"""What people read of a local run."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from pathlib import Path

from rich.console import Console

from imagebatch_core.job import Totals
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_core.spec import Output
from imagebatch_runner.local.failure_groups import FailureGroups
from imagebatch_runner.local.screen import Ended, Screen
from imagebatch_runner.store.documents import Plan, Summary

PLAN = Plan(
    products=2_000, images=4_000, shards=1, images_per_shard=5000, row_problems=3,
    input_sha256="0" * 64, extra_columns=(), output=Output(),
)  # fmt: skip


def done(row: int) -> ImageResult:
    return ImageResult(row, 1, "a.jpg", ImageStatus.SUCCEEDED, bytes_in=1000, bytes_out=400)


def failed(row: int, code: ErrorCode = ErrorCode.TIMEOUT) -> ImageResult:
    return ImageResult.failure(ShardItem(row, 1, f"[b]{row}.jpg"), code, "why")


def shown(*, quiet: bool = False, terminal: bool = False) -> tuple[Screen, StringIO]:
    """A screen that nobody watches, or a narrow terminal without colours; a second passes with
    each look at its clock."""
    text = StringIO()
    seconds = count()
    console = Console(file=text, width=40, force_terminal=terminal, color_system=None)
    return Screen(console, quiet=quiet, clock=lambda: float(next(seconds))), text


def test_line_every_ten_seconds_where_there_is_no_terminal() -> None:
    screen, text = shown()
    with screen.progress(PLAN) as on_result:
        for row in range(25):
            on_result(done(row) if row else failed(row))
    assert text.getvalue().splitlines() == [
        "4,000 images in 2,000 rows, 3 problems",
        "10 of 4,000 images, 60.0% saved, 1 failed",
        "20 of 4,000 images, 60.0% saved, 1 failed",
    ]


def test_one_row_is_shown_in_the_singular() -> None:
    screen, text = shown()
    with screen.progress(PLAN.model_copy(update={"products": 1, "row_problems": 1})):
        pass
    assert text.getvalue() == "4,000 images in 1 row, 1 problem\n"


def test_what_was_noticed_in_the_input_is_told() -> None:
    screen, text = shown()
    with screen.progress(PLAN.model_copy(update={"notices": ("line 7: not UTF-8",)})):
        pass
    assert text.getvalue().splitlines()[1] == "input: line 7: not UTF-8"


def test_summary_names_counts_sizes_and_the_first_failures_of_each_code() -> None:
    screen, text = shown()
    failures = [failed(row) for row in range(1, 6)] + [failed(9, ErrorCode.CORRUPT)]
    totals = Totals(succeeded=1200, failed=6, bytes_in=3_200_000_000, bytes_out=800_000_000)
    summary = Summary(
        products=1206, images=1206, shards=1, row_problems=0, input_sha256="0" * 64, totals=totals,
        report_key="report.csv", report_sha256="0" * 64, collected_at=datetime.now(UTC),
    )  # fmt: skip
    screen.summary(
        Ended(summary, FailureGroups.of(failures), Path("out"), 1206, 60.3, "another --out")
    )
    assert [line.rstrip() for line in text.getvalue().splitlines()] == [
        "compressed  1,200",
        "failed      6",
        "size        3.2 GB → 800.0 MB, 75.0% saved",
        "time        60.3 s, 20.0 images per second",
        "images      out/images",
        "report      out/report.csv",
        "timeout: 5 images",
        "  [b]1.jpg: why (row 1, image 1)",
        "  [b]2.jpg: why (row 2, image 1)",
        "  [b]3.jpg: why (row 3, image 1)",
        "  … and 2 more in the report",
        "corrupt: 1 image",
        "  [b]9.jpg: why (row 9, image 1)",
        "to try these again: another --out",
    ]


def test_summary_is_a_table_on_a_terminal_with_paths_that_stay_whole() -> None:
    screen, text = shown(terminal=True)
    totals = Totals(succeeded=1200, failed=1, bytes_in=3_200_000_000, bytes_out=800_000_000)
    summary = Summary(
        products=1201, images=1201, shards=1, row_problems=0, input_sha256="0" * 64, totals=totals,
        report_key="report.csv", report_sha256="0" * 64, collected_at=datetime.now(UTC),
    )  # fmt: skip
    out = Path("/home/somebody/pictures/of/products/out")
    screen.summary(Ended(summary, FailureGroups.of([failed(1)]), out, 1201, 60.3, "another --out"))
    lines = text.getvalue().splitlines()
    assert lines[:4] == [
        "╭────────────┬─────────────────────────╮",
        "│ compressed │ 1,200                   │",
        "│ failed     │ 1                       │",
        "│ size       │ 3.2 GB → 800.0 MB,      │",
    ]
    assert all(
        len(line) <= 40 for line in lines[: lines.index("╰" + "─" * 12 + "┴" + "─" * 25 + "╯")]
    )
    assert f"images  {out}/images" in lines
    assert f"report  {out}/report.csv" in lines


def test_control_characters_of_a_url_do_not_reach_the_terminal() -> None:
    screen, text = shown()
    url = "http://h/\x1b]0;title\x07\x1b[2J.jpg"
    failure = ImageResult.failure(ShardItem(1, 1, url), ErrorCode.INVALID_URL, "why")
    totals = Totals(failed=1)
    summary = Summary(
        products=1, images=1, shards=1, row_problems=0, input_sha256="0" * 64, totals=totals,
        report_key="report.csv", report_sha256="0" * 64, collected_at=datetime.now(UTC),
    )  # fmt: skip
    screen.summary(Ended(summary, FailureGroups.of([failure]), Path("out"), 1, 1.0, "again"))
    assert "http://h/\ufffd]0;title\ufffd\ufffd[2J.jpg: why" in text.getvalue()
    assert "several addresses in a cell are separated by commas" in text.getvalue()


def test_quiet_shows_refusals_and_interruptions_only() -> None:
    screen, text = shown(quiet=True)
    screen.skipped(Path("photos"), Counter({".txt": 1}))
    with screen.progress(PLAN) as on_result:
        on_result(done(1))
    screen.stopping()
    assert text.getvalue() == ""
    screen.interrupted(Path("out"))
    assert "run the same command again to go on" in text.getvalue()
