"""The command ``imagebatch-runner local``: run a batch, show its progress, return the exit code."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from imagebatch_core.errors import ConfigurationRefused, ImageBatchError, InputRefused
from imagebatch_core.job import ExitCode
from imagebatch_core.results import ImageResult
from imagebatch_runner.steps import plan
from imagebatch_runner.steps.batch import Batch

from . import run
from .failure_groups import FailureGroups
from .from_csv import open_csv
from .from_folder import open_images
from .run_options import RunOptions
from .screen import Ended, Screen

_FAILED = 1
#: The option for each setting that a refusal may name.
_OPTIONS: Final = {
    "IMAGEBATCH_FETCH_ALLOW": "--allow",
    "IMAGEBATCH_FETCH_CREDENTIALS_FILE": "--credentials",
    "IMAGEBATCH_FETCH_S3_ALLOW": "--s3-allow",
}


@dataclass(frozen=True, slots=True)
class LocalRun:
    """One run over ``source``, a CSV or a folder.

    Without ``out`` the folder of the results is named after the source.
    """

    source: Path
    out: Path | None
    reuse_from: Path | None
    quiet: bool
    as_json: bool

    def run(self, read_options: Callable[[], RunOptions]) -> int:
        """Run the batch and return the exit code.

        0: all images succeeded, 1: some failed, 2: refused, 143: interrupted. ``read_options`` is
        called here, so that its errors are shown like all other refusals.
        """
        screen = Screen(Console(stderr=True), quiet=self.quiet)
        try:
            self._check_source()
            ended = self._run(read_options(), screen)
        except ImageBatchError as error:
            told = _with_options(str(error))
            screen.refused(told)
            self._print_json({"exitCode": int(ExitCode.INPUT_REFUSED), "error": told})
            return ExitCode.INPUT_REFUSED
        except KeyboardInterrupt:  # only while it plans or collects: no image is lost
            ended = None
        if ended is None:
            screen.interrupted(self.folder)
            self._print_json({"exitCode": int(ExitCode.INTERRUPTED), "out": str(self.folder)})
            return ExitCode.INTERRUPTED
        screen.summary(ended)
        code = _FAILED if ended.summary.totals.failed else ExitCode.DONE
        self._print_json(_document(ended, code))
        return code

    @property
    def folder(self) -> Path:
        """The folder of the results."""
        if self.out is not None:
            return self.out
        if self.source.is_dir():
            name = self.source.resolve().name
        else:
            name = self.source.name.removesuffix(".gz").rpartition(".")[0] or self.source.stem
        return Path(f"{name or 'images'}-compressed")

    def _check_source(self) -> None:
        """Refuse a source that cannot be accessed; one that does not exist is refused later."""
        try:
            self.source.stat()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputRefused(f"{self.source}: {error.strerror or error}") from error

    def _run(self, options: RunOptions, screen: Screen) -> Ended | None:
        start = time.monotonic()
        batch = self._open(options, screen)
        summary = run.finished(batch)
        done = 0
        if summary is None:
            made = plan.plan(batch)
            with screen.progress(made) as on_result:
                summary, done = run.run(batch, made, on_result, screen.stopping)
        if summary is None:
            return None
        failures = FailureGroups()
        if summary.totals.failed:
            with batch.storage.reading(batch.keys.report_jsonl) as lines:
                failures = FailureGroups.of(map(ImageResult.from_line, lines))
        seconds = time.monotonic() - start
        return Ended(summary, failures, self.folder, done, seconds, self._how_to_retry)

    @property
    def _how_to_retry(self) -> str:
        if self.source.is_dir():
            return "the next run does, once any file of the folder has changed"
        return f"another --out, and --reuse-from {self.folder}"

    def _open(self, options: RunOptions, screen: Screen) -> Batch:
        if not self.source.is_dir():
            return open_csv(self.source, self.folder, options, reuse_from=self.reuse_from)
        if self.reuse_from is not None:
            raise ConfigurationRefused(
                "--reuse-from is for a CSV: a folder takes over from its own last run by itself"
            )
        if options.sheet is not None:
            raise ConfigurationRefused("--sheet is for an .xlsx file")
        batch, listing = open_images(self.source, self.folder, options)
        screen.skipped(self.source, listing.skipped)
        return batch

    def _print_json(self, document: dict[str, object]) -> None:
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def _with_options(text: str) -> str:
    """Return the refusal ``text`` with the command-line option before each setting it names."""
    for setting, option in _OPTIONS.items():
        text = text.replace(setting, f"{option} ({setting})")
    return text


def _document(ended: Ended, code: int) -> dict[str, object]:
    summary = ended.summary
    return {
        "exitCode": int(code),
        "products": summary.products,
        "images": summary.images,
        **summary.totals.model_dump(by_alias=True),
        "failures": {error.value: count for error, count in ended.failures.counts.items()},
        "seconds": round(ended.seconds, 3),
        "out": str(ended.out),
        "report": str(ended.out / "report.csv"),
    }
