"""The whole program on one machine and one folder, without any cluster.

The same steps over a ``file://`` store whose root is the batch, so the folder is also the
checkpoint: run again, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from uuid import uuid4

from imagebatch_core.errors import ConfigurationRefused, InputRefused
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.resource import Output
from imagebatch_core.results import ImageResult, ImageStatus

from . import collect, compress, plan, source
from .batch import Batch
from .credentials import Credentials
from .documents import Plan, Summary
from .earlier_folder import earlier_folder, linking
from .local_files import LocalFiles
from .s3_images import S3Sources
from .s3_urls import S3AllowList
from .settings import Settings
from .storage import Storage

#: Images of one shard; small enough that the memory of a shard does not matter.
_IMAGES_PER_SHARD = 5000


def open_folder(
    csv: Path,
    out: Path,
    *,
    output: Output,
    retries: int,
    settings: Settings,
    env: Mapping[str, str],
    reuse_from: Path | None = None,
) -> Batch:
    """The batch in the folder ``out``, whether new or begun earlier.

    Raises:
        InputRefused: there is no such file.
        ConfigurationRefused: the folder belongs to another batch, or cannot be made; or there is
            nothing to reuse.
    """
    if not csv.is_file():
        raise InputRefused(f"{csv}: no such file")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationRefused(f"{out}: {error.strerror or error}") from error
    storage = Storage.open(out.resolve().as_uri(), env, patience=0)
    job = RunnerJob(
        namespace="local",
        name=csv.stem,
        uid="local",
        source=JobSource(path=str(csv)),
        output=output,
        images_per_shard=_IMAGES_PER_SHARD,
        retries=retries,
    )
    credentials = Credentials.load(settings.fetch_credentials_file)
    batch = Batch(
        job,
        BatchKeys(root=""),
        storage,
        settings,
        credentials=credentials,
        s3=S3Sources("local", S3AllowList.parse(settings.fetch_s3_allow), credentials, env),
        files=LocalFiles(csv.resolve().parent),
    )
    _refuse_another(batch, csv, out)
    return _reusing(batch, out, reuse_from, env)


def run(batch: Batch, made: Plan, on_result: compress.OnResult) -> Summary | None:
    """Compress and collect what ``plan`` made; ``None`` when it was interrupted.

    Ctrl-C and SIGTERM let what is under way finish and record it.
    """
    if asyncio.run(_compress(batch, made.shards, on_result)):
        return None
    return collect.collect(batch)


def finished(batch: Batch) -> Summary | None:
    """The summary of a folder whose batch was done before."""
    return collect.read_summary(batch)


def first_failures(batch: Batch, count: int) -> list[ImageResult]:
    """The first failed images of the report, in input order."""
    with batch.storage.reading(batch.keys.report_jsonl) as lines:
        results = map(ImageResult.from_line, lines)
        return list(islice((r for r in results if r.status is ImageStatus.FAILED), count))


async def _compress(batch: Batch, shards: int, on_result: compress.OnResult) -> bool:
    """Whether it was interrupted."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    writer = str(uuid4())
    for shard in range(shards):
        outcome = await compress.compress(batch, shard, writer, stop, on_result)
        if outcome.interrupted or stop.is_set():
            return outcome.interrupted or shard + 1 < shards
    return False


def _reusing(batch: Batch, out: Path, reuse_from: Path | None, env: Mapping[str, str]) -> Batch:
    """With the earlier folder, if there is one; a run that goes on keeps the one it began with."""
    made = plan.read_plan(batch)
    if made is not None:
        began_with = made.reuse and Path(made.reuse.batch)
        if reuse_from is not None and reuse_from.resolve() != began_with:
            raise ConfigurationRefused(
                f"{out} was begun with {'another' if began_with else 'no'} --reuse-from; "
                "choose another --out"
            )
        return replace(batch, take=linking(began_with, out)) if began_with else batch
    if reuse_from is None:
        return batch
    earlier = earlier_folder(reuse_from, out, env)
    return replace(batch, earlier=earlier, take=linking(Path(earlier.name), out))


def _refuse_another(batch: Batch, csv: Path, out: Path) -> None:
    stored = out / batch.keys.input
    if not stored.exists():
        foreign = [n for n in ("report.csv", "report.jsonl", "images") if (out / n).exists()]
        if foreign:
            raise ConfigurationRefused(
                f"{out} holds {', '.join(foreign)} of something else; choose another --out"
            )
        return
    if source.sha256_of(stored) != source.sha256_of(csv):
        raise ConfigurationRefused(f"{out} holds the results of another CSV; choose another --out")
    earlier = plan.read_plan(batch)
    if earlier is not None and earlier.output != batch.job.output:
        raise ConfigurationRefused(
            f"{out} holds results made with other options; choose another --out"
        )
