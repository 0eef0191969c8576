"""The output of ``local`` for people: progress while it runs, a table and the failures at the end.

Progress is a bar on a terminal and a plain line every ten seconds elsewhere. With ``--quiet`` only
refusals are shown.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from imagebatch_core.job import Totals
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus
from imagebatch_runner.steps.batch import OnResult
from imagebatch_runner.steps.counts import ResultCounts
from imagebatch_runner.store.documents import Plan, Summary

from .failure_groups import FailureGroups

#: Seconds between two lines of progress without a terminal.
_LINE_EVERY: Final = 10.0
#: Hints for failures that an option or a change of the CSV can fix.
_HINTS: Final = {
    ErrorCode.ADDRESS_REFUSED: "what is not public wants --allow HOST, s3:// addresses want "
    "--s3-allow BUCKET",
    ErrorCode.INVALID_URL: "several addresses in a cell are separated by commas or line breaks",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished run.

    It did ``done`` images in ``seconds``, not counting those recorded before. ``again`` says how to
    retry the failed images.
    """

    summary: Summary
    failures: FailureGroups
    out: Path
    done: int
    seconds: float
    again: str


class Screen:
    """Writes text for people to ``console``, which is standard error; standard output is for
    --json. ``clock`` returns seconds."""

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._quiet = quiet
        self._clock = clock

    def skipped(self, folder: Path, skipped: Counter[str]) -> None:
        """Show how many files of a folder are not images, the most frequent kinds first."""
        if skipped:
            told = ", ".join(f"{count:,} {what}" for what, count in skipped.most_common(8))
            self._say(f"{folder}: not taken: {told}")

    @contextmanager
    def progress(self, plan: Plan) -> Iterator[OnResult]:
        """Show the progress of the plan's images; yield a function to call with each result."""
        rows = f" in {_rows(plan.products)}" if plan.products != plan.images else ""
        bad = f", {_problems(plan.row_problems)}" if plan.row_problems else ""
        self._say(f"{_images(plan.images)}{rows}{bad}")
        for notice in plan.notices:
            self._say(f"input: {notice}")
        if plan.reuse_sentence:
            self._say(plan.reuse_sentence)
        if self._quiet:
            yield lambda _result: None
        elif self._console.is_terminal:
            with self._bar(plan.images) as on_result:
                yield on_result
        else:
            yield self._lines(plan.images)

    @contextmanager
    def _bar(self, total: int) -> Iterator[OnResult]:
        counts = ResultCounts()
        with Progress(
            TextColumn("compressing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        ) as bars:
            task = bars.add_task("images", total=total, note="")

            def on_result(result: ImageResult) -> None:
                counts.add(result)
                bars.update(task, advance=1, note=_note(counts.totals()))

            yield on_result

    def _lines(self, total: int) -> OnResult:
        counts = ResultCounts()
        due = self._clock() + _LINE_EVERY

        def on_result(result: ImageResult) -> None:
            nonlocal due
            counts.add(result)
            if self._clock() >= due:
                due = self._clock() + _LINE_EVERY
                totals = counts.totals()
                self._say(f"{totals.images:,} of {total:,} images, {_note(totals)}")

        return on_result

    def summary(self, ended: Ended) -> None:
        totals = ended.summary.totals
        rows = [
            (status.label, f"{count:,}")
            for status, count in totals.counts.items()
            if count or status is ImageStatus.SUCCEEDED
        ]
        size_in, size_out = decimal(totals.bytes_in), decimal(totals.bytes_out)
        sizes = f"{size_in} → {size_out}, {totals.saved} saved"
        rate = ended.done / max(ended.seconds, 0.001)
        time_taken = f"{ended.seconds:.1f} s, {rate:.1f} images per second"
        rows += [
            ("size", sizes),
            ("time", time_taken if ended.done else "nothing was left to do"),
        ]
        paths = [("images", str(ended.out / "images")), ("report", str(ended.out / "report.csv"))]
        if not self._quiet:
            if self._console.is_terminal:
                self._table(rows)
                self._aligned(paths)
            else:
                self._aligned(rows + paths)
            self._failures(ended.failures)
            if totals.failed:
                self._say(f"to try these again: {ended.again}")

    def _table(self, rows: list[tuple[str, str]]) -> None:
        table = Table(box=box.ROUNDED, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(name, value, style="red" if name == "failed" else "")
        self._console.print(table)

    def _aligned(self, rows: list[tuple[str, str]]) -> None:
        """Print one line for each row, however long.

        A table would cut paths to the terminal's width, but people copy paths.
        """
        width = max(len(name) for name, _ in rows) + 2
        for name, value in rows:
            style = "red" if name == "failed" else ""
            line = Text.assemble((name.ljust(width), f"bold {style}"), (value, style))
            self._console.print(line, soft_wrap=True)

    def _failures(self, groups: FailureGroups) -> None:
        for code, count in groups.counts.most_common():
            self._say(f"{code.value}: {_images(count)}", "red")
            for failure in groups.first[code]:
                where = f"row {failure.row}, image {failure.position}"
                self._say(f"  {_printable(failure.input_url)}: {failure.error_message} ({where})")
            if count > len(groups.first[code]):
                self._say(f"  … and {count - len(groups.first[code]):,} more in the report")
            if hint := _HINTS.get(code):
                self._say(f"  {hint}")

    def refused(self, why: str) -> None:
        self._console.print(f"refused: {why}", markup=False, style="red", soft_wrap=True)

    def stopping(self) -> None:
        self._say("stopping: what is under way is finished first; Ctrl-C again leaves at once")

    def interrupted(self, out: Path) -> None:
        """Say how to continue, even with --quiet, because the work is not done."""
        self._console.print(
            f"interrupted: run the same command again to go on; what is done lies in {out}",
            markup=False,
            soft_wrap=True,
        )

    def _say(self, text: str, style: str | None = None) -> None:
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False, style=style, soft_wrap=True)


def _printable(url: str) -> str:
    """Return the URL without control characters: a cell may hold terminal escape sequences."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in url)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _problems(count: int) -> str:
    return f"{count:,} problem{'' if count == 1 else 's'}"


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _note(totals: Totals) -> str:
    failed = f", {totals.failed:,} failed" if totals.failed else ""
    return f"{totals.saved} saved{failed}"
