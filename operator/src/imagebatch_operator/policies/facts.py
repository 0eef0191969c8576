"""The facts about a batch: those in its status, updated by its Jobs and pods."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from math import ceil
from typing import Any, Self

from imagebatch_core.index_list import count_indexes
from imagebatch_core.job import Estimate, ExitCode, RunnerMessage, Step
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import (
    Bytes,
    Ending,
    ImageBatchStatus,
    Images,
    Report,
    Retry,
    ReuseStatus,
    Runs,
    Shards,
)

from .observed import JobView, Observation, find, first_pass, fits
from .shards import chunk_size, first_shard


@dataclass(frozen=True, slots=True)
class Facts:
    """The fields of the status from which a pass derives its new status.

    Phase, conditions and times are not among them.
    """

    runs: Runs
    products: int | None
    row_problem_count: int | None
    notices: list[str]
    input_sha256: str | None
    estimate: Estimate | None
    images: Images | None
    shards: Shards | None
    bytes: Bytes | None
    saved: str | None
    report: Report | None
    storage: str | None
    reuse: ReuseStatus | None
    retry: Retry | None
    ending: Ending | None

    @classmethod
    def recorded(cls, status: ImageBatchStatus) -> Self:
        found = {field.name: getattr(status, field.name) for field in fields(cls)}
        return cls(**{**found, "runs": status.runs or Runs()})

    def by_name(self) -> dict[str, Any]:
        """Return the fields for the status; ``runs`` is ``None`` for a batch without a Job."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "runs": None if self.runs == Runs() else self.runs}

    @property
    def collected(self) -> bool:
        """Whether the report is written; only the report counts images by their result."""
        return self.images is not None and self.images.succeeded is not None

    @property
    def shards_open(self) -> bool:
        """Whether the batch is planned and some shards are neither done nor given up."""
        return self.shards is not None and self.shards.done + self.shards.failed < self.shards.total

    @property
    def progress(self) -> str:
        """The number of ended shards as text, such as ``3 of 8 shards``; empty before the plan."""
        shards = self.shards
        return f"{shards.done + shards.failed} of {shards.total} shards" if shards else ""

    def is_current(self, job: JobView) -> bool:
        """Return whether a Job is the newest run of its step."""
        if job.step is Step.PLAN:
            return job.run == self.runs.plan
        if job.step is Step.COLLECT:
            return job.run == self.runs.collect
        return self.runs.shards[job.chunk : job.chunk + 1] == [job.run]

    def with_run(self, step: Step, run: int, chunk: int = 0) -> Facts:
        """Return the facts with ``run`` as the newest run of a step.

        ``chunk`` may be the next shard Job, but no later one.
        """
        if step is not Step.COMPRESS:
            return replace(self, runs=self.runs.model_copy(update={step.value: run}))
        shards = [*self.runs.shards[:chunk], run, *self.runs.shards[chunk + 1 :]]
        return replace(self, runs=self.runs.model_copy(update={"shards": shards}))

    def with_lost(self, lost: int) -> Facts:
        """Return the facts with the number of results of the present step that were lost."""
        return replace(self, runs=self.runs.model_copy(update={"lost": lost}))


@dataclass(frozen=True, slots=True)
class Case:
    """The input of a decision."""

    batch: ImageBatch
    seen: Observation
    now: datetime
    facts: Facts

    @classmethod
    def of(cls, batch: ImageBatch, seen: Observation, now: datetime) -> Self:
        return cls(batch, seen, now, known(batch, seen))


def known(batch: ImageBatch, seen: Observation) -> Facts:
    """Return the facts of the status, updated step by step from what was observed since."""
    facts = Facts.recorded(batch.status)
    if facts.storage is None:
        facts = replace(facts, storage=seen.storage)
    if seen.earlier is not None:
        found = seen.earlier
        reuse = ReuseStatus(uid=found.uid, storage=found.storage, outputs=list(found.outputs))
        facts = replace(facts, reuse=reuse)
    if facts.shards is None:
        plan = result(facts, seen, Step.PLAN)
        facts = _planned(facts, plan) if plan is not None else facts
    if facts.shards_open:
        facts = _compressed(facts, seen)
    collect = result(facts, seen, Step.COLLECT)
    if collect is None:
        return facts
    if facts.shards is None:
        # The plan pod of a batch of one shard was stopped on its way through the images.
        facts = _planned(facts, collect)
    facts = _collected(facts, collect)
    shards = facts.shards
    if facts.ending is None and shards is not None:
        # A collect that waited for the last images ends before the shard Job does.
        done = shards.model_copy(update={"done": shards.total - shards.failed})
        facts = replace(facts, shards=done)
    return facts


def result(facts: Facts, seen: Observation, step: Step) -> RunnerMessage | None:
    """Return the message of the pod that did the whole step, or ``None``.

    ``None`` also when only the pod of a failed attempt is left to read. The Job itself may not have
    ended yet: Kubernetes counts a pod about a second after its end.
    """
    run = facts.runs.plan if step is Step.PLAN else facts.runs.collect
    job = find(seen, step, 0, run)
    outcome = seen.outcomes.get(job.name) if job is not None else None
    if outcome is None or outcome.message is None or outcome.exit_code != ExitCode.DONE:
        return None
    message = outcome.message
    whole = message.totals is not None or (step is Step.PLAN and message.step is Step.PLAN)
    return message if whole else None


def _planned(facts: Facts, message: RunnerMessage) -> Facts:
    reuse = facts.reuse
    if reuse is not None:
        told = {"message": message.reuse or reuse.message, "images": message.carried or None}
        reuse = reuse.model_copy(update=told)
    planned = replace(
        facts,
        products=message.products,
        row_problem_count=message.row_problems,
        notices=list(message.notices),
        input_sha256=message.input_sha256,
        estimate=message.estimate,
        images=Images(total=message.images, done=message.carried),
        shards=Shards(total=message.shards, images=message.images_per_shard),
        runs=facts.runs.model_copy(update={"lost": 0}),
        reuse=reuse,
        retry=None,
    )
    if message.totals is None:
        return planned
    # The plan pod of a batch of one shard also writes the report, so no Job has counted that shard.
    collected = _collected(planned, message)
    done = 0 if facts.ending is not None else message.shards
    shards = Shards(total=message.shards, done=done, images=message.images_per_shard)
    return replace(collected, shards=shards)


def _compressed(facts: Facts, seen: Observation) -> Facts:
    """Return the facts with the number of ended shards, counted over all shard Jobs so far.

    ``failed_before`` records the failed shards of all Jobs but the newest, which may be deleted.
    """
    shards, images, runs = facts.shards, facts.images, facts.runs.shards
    if shards is None or images is None or not runs:
        return facts
    jobs = [find(seen, Step.COMPRESS, chunk, run) for chunk, run in enumerate(runs)]
    jobs = [job if job and fits(shards.total, job) else None for job in jobs]
    newest = len(runs) - 1
    first, job = first_shard(newest), jobs[newest]
    failed = shards.failed_before
    if failed is None:
        # A release without the field began this batch, and deleted no Job.
        failed = sum(_not_completed(shards, j) for j in jobs[:-1] if j)
        shards = shards.model_copy(update={"failed_before": failed if newest else None})
    done, size = first - failed, chunk_size(shards.total, newest)
    ended = job is not None and has_ended(seen, job)
    before = first_pass(seen, shards.total, newest, runs[newest])
    if job is not None and job.shards:
        # The first Job has completed all others; somebody may have deleted it since.
        done += size - count_indexes(job.shards)
    elif before is not None:
        done += before.completed_indexes
    if job is not None:
        done += job.completed_indexes
        if ended:
            failed += _not_completed(shards, job)
        elif job.shards and not job.finished:
            failed += job.failed_indexes
    further = done > shards.done
    if not ended:
        # A new run of a Job skips shards that are done, so they stay counted; but not all may count
        # as ended before the run itself has ended.
        done = max(done, min(shards.done, first_shard(newest) + size - failed - 1))
    recorded = _images_done(facts, images, shards, done + failed)
    return replace(
        facts,
        shards=shards.model_copy(update={"done": done, "failed": failed}),
        images=images.model_copy(update={"done": recorded}),
        retry=None if further else facts.retry,
    )


def _not_completed(shards: Shards, job: JobView) -> int:
    """Return how many of its shards an ended Job has not completed."""
    size = count_indexes(job.shards) or chunk_size(shards.total, job.chunk)
    return size - job.completed_indexes


def has_ended(seen: Observation, job: JobView) -> bool:
    """Return whether nothing is left to run of a shard Job: neither its pods nor, because they
    failed for the first time, some of its shards.
    """
    return job.finished and not may_be_refused(seen, job) and not job.incomplete


def _images_done(facts: Facts, images: Images, shards: Shards, ended: int) -> int:
    """Return how many images are done, at the precision of a shard."""
    carried = (facts.reuse and facts.reuse.images) or 0
    if carried:
        # The shards of a retry hold images that are done already, each another number of them.
        return carried + (images.total - carried) * ended // shards.total
    # The last shard may be shorter, so the total is the upper bound.
    per_shard = shards.images or ceil(images.total / shards.total)
    return min(images.total, ended * per_shard)


def may_be_refused(seen: Observation, job: JobView) -> bool:
    """Return whether a failed shard Job was, or may have been, refused by the store or a setting.

    As long as the outcome of its pods is not read, it may have been. Its shards are then not
    counted as failed.
    """
    outcome = seen.outcomes.get(job.name)
    unread = outcome is None or (outcome.look is not None and not outcome.look.finished)
    return job.failed and (
        unread or (outcome is not None and outcome.exit_code == ExitCode.CONFIGURATION_REFUSED)
    )


def _collected(facts: Facts, message: RunnerMessage) -> Facts:
    """Return the facts with the totals of the report."""
    totals = message.totals
    if totals is None:
        raise ValueError("a collect message without totals")
    report = facts.report
    if message.report_key and message.report_sha256:
        report = Report(key=message.report_key, sha256=message.report_sha256)
    return replace(
        facts,
        images=Images.of(totals),
        bytes=Bytes.model_validate({"in": totals.bytes_in, "out": totals.bytes_out}),
        saved=totals.saved,
        report=report,
        retry=None,
    )
