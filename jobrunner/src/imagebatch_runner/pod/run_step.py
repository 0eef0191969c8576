"""Run one step as a pod's process: from the environment to a termination message and exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import ValidationError

from imagebatch_core import logs, names
from imagebatch_core.errors import ConfigurationRefused, ImageBatchError
from imagebatch_core.index_list import parse_indexes
from imagebatch_core.job import ExitCode, RunnerJob, RunnerMessage, Step
from imagebatch_core.keys import BatchKeys, store_prefix
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.settings import Settings, termination_log
from imagebatch_runner.steps import collect, look, plan, retry
from imagebatch_runner.steps.batch import Batch, EarlierBatch
from imagebatch_runner.store.storage import Storage

from . import termination
from .sigterm import SigtermWatch

if TYPE_CHECKING:
    from imagebatch_runner.steps.shard_run import ShardOutcome
    from imagebatch_runner.store.documents import Plan

log = logging.getLogger(__name__)


def main(step: Step) -> int:
    """Run a step and return the process's exit code."""
    return int(run(step, os.environ))


def run(step: Step, env: Mapping[str, str]) -> ExitCode:
    """Run one step of the batch that the environment ``env`` names, and return the exit code."""
    logs.configure("info")  # before the settings are read, so that refused settings are logged
    watch = SigtermWatch()
    clock = _Clock(step)
    try:
        settings = Settings.from_env(env)
        logs.configure(settings.log_level or "info", settings.log_format or "json")
        batch = open_batch(settings, env)
        code, message = _STEPS[step](batch, env, clock, watch)
    except Exception as error:  # the operator gets a message about every error
        code, message = termination.of_error(clock.step, error)
        if code is ExitCode.FAULT and not isinstance(error, ImageBatchError):
            log.exception("%s failed", clock.step.value)
    except KeyboardInterrupt as interruption:
        code, message = termination.of_error(clock.step, interruption)
    if message is not None:
        termination.log_message(message)
        termination.leave_message(message, termination_log(env))
    return code


def open_batch(settings: Settings, env: Mapping[str, str]) -> Batch:
    """Return the batch of ``IMAGEBATCH_JOB`` in the store of ``IMAGEBATCH_STORE``.

    Raises:
        ConfigurationRefused: a variable or setting is missing or wrong.
    """
    document = env.get(names.ENV_JOB)
    if not document:
        raise ConfigurationRefused(f"{names.ENV_JOB} is not set; the operator sets it")
    try:
        job = RunnerJob.model_validate_json(document)
    except ValidationError as error:
        raise ConfigurationRefused(f"{names.ENV_JOB}: {error}") from error
    for name, value in (
        (names.ENV_STORE, settings.store),
        (names.ENV_PUBLIC_BASE_URL, settings.public_base_url),
    ):
        if not value:
            raise ConfigurationRefused(
                f"{name} is not set; it belongs into the ConfigMap {names.RUNNER_CONFIG_MAP}"
            )
    credentials = Credentials.load(settings.fetch_credentials_file)
    storage = Storage.open(settings.store, env, patience=settings.storage_patience_seconds)
    prefix = store_prefix(settings.store)
    keys = _keys(job, job.uid, job.root, prefix)
    earlier = None
    if job.reuse_from is not None:
        earlier_keys = _keys(job, job.reuse_from, job.reuse_root, prefix)
        earlier = EarlierBatch(job.reuse_from, storage, earlier_keys)
    return Batch(
        job=job,
        keys=keys,
        storage=storage,
        settings=settings,
        credentials=credentials,
        s3=S3Sources(job.namespace, _readable(settings, job.namespace), credentials, env),
        earlier=earlier,
    )


def _keys(job: RunnerJob, uid: str, root: str | None, prefix: str) -> BatchKeys:
    if root is None:
        return BatchKeys.of(job.namespace, uid, prefix)
    try:
        return BatchKeys.at(root, job.namespace)
    except ValueError as error:
        raise ConfigurationRefused(f"status.storage of the batch: {error}") from error


def _readable(settings: Settings, namespace: str) -> S3AllowList:
    """Return what ``s3://`` image URLs of a batch of ``namespace`` may name."""
    own = urlsplit(settings.store)
    allow = S3AllowList.parse(settings.fetch_s3_allow)
    return allow.without_bucket(own.netloc, namespace) if own.scheme == "s3" else allow


class _Clock:
    """Logs how long each step takes; ``step`` is the running step, or else the last one."""

    def __init__(self, step: Step) -> None:
        self.step = step

    @contextmanager
    def timing(self, step: Step) -> Iterator[None]:
        self.step = step
        start = time.monotonic()
        yield
        seconds = round(time.monotonic() - start, 3)
        log.info("%s took %.1f s", step.value, seconds, extra={"step": step, "seconds": seconds})


_Answer = tuple[ExitCode, RunnerMessage | None]


def _plan(batch: Batch, env: Mapping[str, str], clock: _Clock, watch: SigtermWatch) -> _Answer:
    with clock.timing(Step.PLAN):
        made, is_new = plan.plan_once(batch, look.look_at_sample)
    if len(made.shards_to_run) != 1 or batch.job.dry_run or batch.job.suspend_after_plan:
        # A pod that finds the plan may replace one that an image of its head start has killed.
        if is_new and made.shards == batch.job.expected_shards:
            asyncio.run(_head_start(batch, made, env, watch))
        return ExitCode.DONE, made.message()
    # A batch of one shard goes on in this pod: starting two more pods would take longer.
    if retry.is_retry(batch):
        batch, made = retry.planned(batch)
    with clock.timing(Step.COMPRESS):
        outcome = asyncio.run(_until_sigterm(batch, made.shards_to_run[0], env, watch))
    if outcome.interrupted or watch.arrived:
        return ExitCode.INTERRUPTED, None
    with clock.timing(Step.COLLECT):
        summary = collect.collect(batch)
    message = summary.message()
    return ExitCode.DONE, message.model_copy(
        update={
            "reuse": made.reuse_sentence,
            "carried": made.carried,
            "notices": made.notices,
        }
    )


def _compress(batch: Batch, env: Mapping[str, str], clock: _Clock, watch: SigtermWatch) -> _Answer:
    index = env.get(names.ENV_COMPLETION_INDEX, "")
    if not (index.isascii() and index.isdigit()):
        raise ConfigurationRefused(f"{names.ENV_COMPLETION_INDEX}={index!r} is not a number")
    shard = _shard_of(batch.job, int(index))
    if batch.job.wait:
        # What compress needs is loaded while plan runs.
        from imagebatch_runner.steps import compress as _loaded  # noqa: F401, PLC0415

        shards = plan.wait_for_plan(batch).shards
        if shards == 1 or shard >= shards:  # plan's pod does a batch of one shard itself
            log.info("there is no shard %d here: the batch has fewer than was expected", shard)
            return ExitCode.DONE, None
    with clock.timing(Step.COMPRESS):
        if retry.is_retry(batch):
            batch, made = retry.planned(batch)
            shard = made.shards_to_run[shard]
        outcome = asyncio.run(_until_sigterm(batch, shard, env, watch))
    return (ExitCode.INTERRUPTED if outcome.interrupted else ExitCode.DONE), None


def _shard_of(job: RunnerJob, index: int) -> int:
    """Return the shard of a completion index; in a retry, its place among the shards to run.

    Raises:
        ConfigurationRefused: the Job has no such index.
    """
    if job.shards is None:
        return job.first_shard + index
    shard = next(islice(parse_indexes(job.shards), index, None), None)
    if shard is None:
        raise ConfigurationRefused(f"{names.ENV_COMPLETION_INDEX}={index} has no shard")
    return shard


def _collect(batch: Batch, _env: Mapping[str, str], clock: _Clock, _watch: SigtermWatch) -> _Answer:
    with clock.timing(Step.COLLECT):
        summary = collect.collect(batch)
    return ExitCode.DONE, summary.message()


_STEPS: dict[Step, Callable[[Batch, Mapping[str, str], _Clock, SigtermWatch], _Answer]] = {
    Step.PLAN: _plan,
    Step.COMPRESS: _compress,
    Step.COLLECT: _collect,
}


async def _until_sigterm(
    batch: Batch, shard: int, env: Mapping[str, str], watch: SigtermWatch
) -> ShardOutcome:
    # Plan and collect start a third of a second sooner without what only compress needs.
    from imagebatch_runner.steps import compress  # noqa: PLC0415

    with _stopped_by_sigterm(batch, watch) as stop:
        outcome = await compress.compress(batch, shard, _writer(env), stop)
    log.info(
        "shard %d: %d images, %d of them recorded before, %d done now, %d failed now",
        shard,
        outcome.images,
        outcome.skipped,
        outcome.done,
        outcome.failed,
        extra={"shard": shard, **asdict(outcome)},
    )
    return outcome


async def _head_start(
    batch: Batch, made: Plan, env: Mapping[str, str], watch: SigtermWatch
) -> None:
    from imagebatch_runner.steps import head_start  # noqa: PLC0415

    with _stopped_by_sigterm(batch, watch) as stop:
        await head_start.head_start(batch, made, _writer(env), stop)


@contextmanager
def _stopped_by_sigterm(batch: Batch, watch: SigtermWatch) -> Iterator[asyncio.Event]:
    """Return an event that SIGTERM sets during the block, in which images are fetched."""
    from imagebatch_core.egress import size_lookup_threads  # noqa: PLC0415

    size_lookup_threads(batch.settings.fetch_concurrency)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def finish() -> None:
        loop.call_soon_threadsafe(stop.set)

    with watch.grace(batch.settings.grace_seconds, finish):
        yield stop


def _writer(env: Mapping[str, str]) -> str:
    """Return the name of this process in the keys of its parts."""
    return env.get(names.ENV_POD_UID) or str(uuid4())
