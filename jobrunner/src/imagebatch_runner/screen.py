"""What ``local`` shows: progress while it runs, and a table at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from imagebatch_core.results import ImageResult, ImageStatus

from .compress import OnResult
from .documents import Plan, Summary


class Screen:
    """``console`` is standard error: standard output stays free for pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def progress(self, plan: Plan) -> Iterator[OnResult]:
        """A bar over the plan's images; the block calls the answer with each result."""
        self._console.print(
            f"{plan.products:,} products, {plan.images:,} images"
            + (f", {plan.row_problems:,} rows without images" if plan.row_problems else "")
        )
        if plan.reuse_sentence:
            self._console.print(plan.reuse_sentence)
        failed, bytes_in, bytes_out = 0, 0, 0
        with Progress(
            TextColumn("compressing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        ) as bars:
            task = bars.add_task("images", total=plan.images, note="")

            def on_result(result: ImageResult) -> None:
                nonlocal failed, bytes_in, bytes_out
                if result.status is ImageStatus.FAILED:
                    failed += 1
                bytes_in += result.bytes_in or 0
                bytes_out += result.bytes_out or 0
                note = f"{saved(bytes_in, bytes_out)} saved, {failed} failed"
                bars.update(task, advance=1, note=note)

            yield on_result

    def summary(
        self, summary: Summary, failures: list[ImageResult], out: Path, seconds: float
    ) -> None:
        """``failures`` are the first ones, in input order."""
        totals = summary.totals
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="bold")
        table.add_column(justify="right")
        table.add_row("compressed", f"{totals.succeeded:,}")
        table.add_row("kept as they were", f"{totals.kept:,}")
        if totals.reused:
            table.add_row("reused", f"{totals.reused:,}")
        table.add_row("failed", f"{totals.failed:,}")
        table.add_row("bytes before", f"{totals.bytes_in:,}")
        table.add_row("bytes after", f"{totals.bytes_out:,}")
        table.add_row("saved", saved(totals.bytes_in, totals.bytes_out))
        table.add_row("seconds", f"{seconds:.1f}")
        self._console.print(table)
        for failure in failures:
            code = failure.error_code.value if failure.error_code else ""
            self._console.print(
                f"row {failure.row}, image {failure.position}: {code}: "
                f"{failure.error_message} ({failure.input_url})",
                markup=False,
                style="red",
                soft_wrap=True,
            )
        if totals.failed > len(failures):
            self._console.print(f"… and {totals.failed - len(failures):,} more failures")
        self._console.print(f"report: {out / 'report.csv'}", markup=False, soft_wrap=True)

    def refused(self, error: Exception) -> None:
        self._console.print(f"refused: {error}", markup=False, style="red", soft_wrap=True)

    def interrupted(self) -> None:
        self._console.print("interrupted; run the same command again to go on")


def saved(bytes_in: int, bytes_out: int) -> str:
    """The share of bytes saved, as ``61.3%``."""
    return f"{100 * (1 - bytes_out / bytes_in):.1f}%" if bytes_in else "0.0%"
