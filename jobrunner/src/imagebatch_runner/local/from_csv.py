"""Open a local run whose source is a CSV; the batch lies in the folder of the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagebatch_core.catalogue.files import open_table
from imagebatch_core.errors import ConfigurationRefused, InputRefused
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.steps import plan, source
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.packed_input import open_unpacked

from .listing import ENDINGS, STATE, ending
from .out_folder import make_writable, refuse_foreign, refuse_other_options
from .reuse import earlier_folder, linking_from
from .run_options import RunOptions

#: Names of files and folders that a batch writes into its folder, besides the copy of its CSV.
_WRITTEN: Final = (
    "report.csv", "report.raw.csv", "report.jsonl", "report.index.json", "images", "plan.json",
    "summary.json", "owner.json", "shards", "results",
)  # fmt: skip


def open_csv(csv: Path, out: Path, options: RunOptions, *, reuse_from: Path | None = None) -> Batch:
    """Return the batch of ``csv`` in the folder ``out``, new or begun by an earlier run.

    ``reuse_from`` is the folder of an earlier run whose outputs may be reused.

    Raises:
        InputRefused: there is no such file, or it is not a CSV of products.
        ConfigurationRefused: the folder belongs to another batch or cannot be created, or there is
            nothing to reuse.
    """
    if not csv.is_file():
        what = "neither a file nor a folder" if csv.exists() else "no such file or folder"
        raise InputRefused(f"{csv}: {what}")
    if ending(csv.name) in ENDINGS:
        raise InputRefused(f"{csv} is an image: name its folder, or a CSV that lists it")
    _check(csv, options)  # before anything is written
    make_writable(out)
    batch = options.batch(
        name=csv.stem, csv=csv, base=csv.resolve().parent, out=out, keys=BatchKeys(root="")
    )
    _refuse_other_batch(batch, csv, out)
    return _with_earlier(batch, out, reuse_from, options.env)


def _check(csv: Path, options: RunOptions) -> None:
    with (
        open_unpacked(csv) as stream,
        open_table(
            stream, sheet=options.sheet, files=True, quote_header=True, chosen=options.choice
        ) as rows,
    ):
        if next(rows, None) is None:
            raise InputRefused("the file has a header and no rows")


def _with_earlier(
    batch: Batch, out: Path, reuse_from: Path | None, env: Mapping[str, str]
) -> Batch:
    """Return the batch with the earlier folder whose outputs are reused, if there is one.

    A run that is continued uses the earlier folder with which it began.

    Raises:
        ConfigurationRefused: ``reuse_from`` names another folder than the run began with, or one
            without results.
    """
    made = plan.read_plan(batch)
    if made is not None:
        began_with = made.reuse and Path(made.reuse.batch)
        if reuse_from is not None and reuse_from.resolve() != began_with:
            raise ConfigurationRefused(
                f"{out} was begun with {'another' if began_with else 'no'} --reuse-from; "
                "choose another --out"
            )
        return replace(batch, copy_earlier=linking_from(began_with, out)) if began_with else batch
    if reuse_from is None:
        return batch
    earlier = earlier_folder(reuse_from, out, env)
    return replace(batch, earlier=earlier, copy_earlier=linking_from(Path(earlier.name), out))


def _refuse_other_batch(batch: Batch, csv: Path, out: Path) -> None:
    stored = out / batch.keys.input
    if not stored.exists():
        if (out / STATE).exists():
            raise ConfigurationRefused(f"{out} holds the results of a folder; choose another --out")
        refuse_foreign(out, _WRITTEN)
        return
    if stored.samefile(csv):
        raise ConfigurationRefused(
            f"{csv} lies where {out} keeps its copy of the CSV; choose another --out"
        )
    if not (out / batch.keys.owner).exists():
        # A batch writes owner.json right after it copied its CSV. An equal copy may be ours.
        same = source.sha256_of(stored) == source.sha256_of(csv, batch.job.source.sheet)
        refuse_foreign(out, _WRITTEN if same else (batch.keys.input,))
        return
    earlier = plan.read_plan(batch)
    if earlier is None:
        stored.unlink()  # its CSV was refused, or planning was interrupted: there are no results
        return
    if source.sha256_of(stored) != source.sha256_of(csv, batch.job.source.sheet):
        raise ConfigurationRefused(
            f"{out} holds the results of another CSV, or of this one before it changed; choose "
            f"another --out, to which --reuse-from {out} takes over what did not change"
        )
    named = batch.job.source
    if (earlier.columns, earlier.base_url) != (named.columns, named.base_url):
        raise ConfigurationRefused(
            f"{out} was begun with other columns or another --base-url; choose another --out"
        )
    refuse_other_options(out, earlier.output, batch.job.output)
