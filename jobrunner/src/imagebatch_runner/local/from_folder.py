"""Open a local run whose source is a folder of images; it can be repeated when the folder changes.

Each state of the folder is a round: a batch below ``.imagebatch/<number>-<stamp>/`` of ``--out``.
Its images and reports lie in ``--out`` itself. While the folder stays the same, a run continues its
round. When the folder has changed, the next run begins a new round. It reuses the outputs of
unchanged files from the last finished round and compresses the rest. Outputs of deleted files stay,
because nobody asked to delete them.
"""

from __future__ import annotations

import csv
import json
import posixpath
import re
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from imagebatch_core.catalogue.header import HEADER
from imagebatch_core.errors import ConfigurationRefused, InputRefused
from imagebatch_runner.fetch.local_files import to_url
from imagebatch_runner.steps import plan
from imagebatch_runner.steps.batch import Batch, CopyOutput, EarlierBatch

from .listing import ENDINGS, STATE, Listing, is_result, scan
from .out_folder import make_writable, refuse_foreign, refuse_other_options
from .output_names import FolderKeys, OutputNames, reassigned
from .run_options import RunOptions

_ROUND: Final = re.compile(r"(\d{6,})-([0-9a-f]{16})")
_FILES: Final = "files.json"
_SOURCE: Final = "source.json"


@dataclass(frozen=True, slots=True)
class _Round:
    number: int
    stamp: str
    path: Path

    @property
    def finished(self) -> bool:
        return (self.path / "summary.json").exists()

    @property
    def finished_ns(self) -> int:
        """The time at which a finished round wrote its last file, in nanoseconds."""
        return (self.path / "summary.json").stat().st_mtime_ns

    @property
    def names(self) -> OutputNames:
        return OutputNames.of(tuple(json.loads((self.path / _FILES).read_text())))

    def keys(self, names: OutputNames) -> FolderKeys:
        return FolderKeys(f"{STATE}/{self.path.name}/", names)


def open_images(folder: Path, out: Path, options: RunOptions) -> tuple[Batch, Listing]:
    """Return the batch of the folder's current round and the listing of the folder.

    The round is new, or was begun by an earlier run.

    Raises:
        InputRefused: ``folder`` has no images, or holds the results of a run.
        ConfigurationRefused: ``out`` belongs to something else, or cannot be written.
    """
    if folder.resolve() == out.resolve():
        raise ConfigurationRefused(f"--out must not be the folder of the images itself: {out}")
    if is_result({path.name for path in folder.iterdir()}):
        raise InputRefused(f"{folder} holds the results of a run; name the folder of the originals")
    listing = scan(folder, out)
    if not listing.files:
        raise InputRefused(_no_images(folder, listing))
    make_writable(out)
    _refuse_other_batch(folder, out)
    rounds = _rounds(out / STATE)
    now = next((r for r in rounds[-1:] if r.stamp == listing.stamp[:16]), None)
    if now is None:
        now = _begin(out / STATE, rounds[-1].number + 1 if rounds else 1, listing)
    before = [r for r in rounds if r.number < now.number]
    names = OutputNames.of(listing.files)
    batch = options.batch(
        name=folder.resolve().name or "folder",
        csv=now.path / "input.csv",
        base=folder,
        out=out,
        keys=now.keys(names),
    )
    for one in (*before, now):
        made = plan.read_plan(replace(batch, keys=one.keys(names)))
        if made is not None:
            refuse_other_options(out, made.output, options.output)
    return _with_earlier(batch, out, before, names), listing


def _with_earlier(batch: Batch, out: Path, before: list[_Round], names: OutputNames) -> Batch:
    finished = [r for r in before if r.finished]
    if not finished:
        return batch
    last = finished[-1]
    for one in before:
        if one.number < last.number:
            shutil.rmtree(one.path, ignore_errors=True)
    since = [r.names for r in before if r.number >= last.number]
    earlier = EarlierBatch(last.path.name, batch.storage, last.keys(since[0]))
    keep = _in_place(out, reassigned(names, since), last.finished_ns)
    return replace(batch, earlier=earlier, copy_earlier=keep)


def _in_place(out: Path, reassigned_paths: frozenset[str], finished_ns: int) -> CopyOutput:
    """Return a function that keeps an output if it has not changed since the last round finished.

    Otherwise it returns ``False``, and the output is made again. Since that round, the output's
    name may have belonged to another file, or an interrupted round may have written the output from
    a version of the file that is gone.
    """

    async def keep(source: str, target: str) -> bool:
        path = posixpath.splitext(target.removeprefix("images/"))[0]
        if source != target or path in reassigned_paths:
            return False
        try:
            found = (out / target).stat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_mtime_ns <= finished_ns

    return keep


def _rounds(state: Path) -> list[_Round]:
    """Return the rounds in order, without those that a crash left incomplete."""
    found = []
    for path in state.iterdir():
        match = _ROUND.fullmatch(path.name)
        if match and (path / _FILES).exists():
            found.append(_Round(int(match[1]), match[2], path))
    return sorted(found, key=lambda one: one.number)


def _begin(state: Path, number: int, listing: Listing) -> _Round:
    begun = _Round(number, listing.stamp[:16], state / f"{number:06d}-{listing.stamp[:16]}")
    begun.path.mkdir(exist_ok=True)
    with (begun.path / "input.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for row, path in enumerate(listing.files, start=1):
            product = posixpath.splitext(posixpath.basename(path))[0]
            rows.writerow([row, product, to_url(path)])
    staged = begun.path / f".{_FILES}"
    staged.write_text(json.dumps(listing.files))
    staged.replace(begun.path / _FILES)
    return begun


def _refuse_other_batch(folder: Path, out: Path) -> None:
    told = {"folder": str(folder.resolve())}
    known = out / STATE / _SOURCE
    if known.exists():
        if json.loads(known.read_text()) != told:
            raise ConfigurationRefused(
                f"{out} holds the results of another folder; choose another --out"
            )
        return
    if (out / "plan.json").exists():
        raise ConfigurationRefused(f"{out} holds the results of a CSV; choose another --out")
    refuse_foreign(out)
    known.parent.mkdir(exist_ok=True)
    known.write_text(json.dumps(told))


def _no_images(folder: Path, listing: Listing) -> str:
    kinds = ", ".join(f".{name}" for name in ENDINGS)
    others = sum(listing.skipped.values())
    found = f"; other files that are there: {others:,}" if others else ""
    return f"{folder} holds no images ({kinds}){found}"
