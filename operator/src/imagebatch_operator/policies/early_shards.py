"""Start the pods of the shards while plan runs, where the number of images is known before.

They wait for the plan. Otherwise they would start after plan's pod: Kubernetes reports its end up
to a second late, and on a busy node a pod takes two seconds to start. A wrong number costs time
only: the Job of the shards is made again once the plan tells how many there are.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Final

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.job import Step
from imagebatch_core.names import ANNOTATION_IMAGES, LABEL_KUEUE_QUEUE
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shard_size import shard_size

from .actions import Action, CreateJob
from .blocked import is_blocked
from .facts import Case
from .observed import JobView, find
from .running_job import bring_in_line
from .shards import SHARDS_PER_JOB
from .stages import Planning

#: The most digits of a number of images that is believed.
_DIGITS: Final = 9


def expected_shards(batch: ImageBatch, ceilings: Ceilings) -> int | None:
    """Return how many shards plan will make, if their pods may start while it runs.

    ``None`` if the number of images is not known, if one pod does the whole batch or several Jobs
    are needed, or if the batch may be held after plan. In a queue of Kueue's the shards would need
    a quota beside that of plan.
    """
    spec = batch.spec
    held = spec.dry_run or spec.suspend_after is not None or spec.source.retry_of is not None
    told = batch.annotations.get(ANNOTATION_IMAGES, "")
    known = told.isascii() and told.isdigit() and len(told) <= _DIGITS
    if held or not known or batch.labels.get(LABEL_KUEUE_QUEUE):
        return None
    images = int(told)
    parallelism = ceilings.parallelism_of(spec.parallelism)
    asked, failed = spec.images_per_shard, spec.max_failed_percent
    shards = ceil(images / shard_size(images, asked, parallelism, failed, ceilings))
    return shards if 1 < shards <= SHARDS_PER_JOB else None


def with_shards(case: Case, stage: Planning) -> Planning:
    """Return the stage with the Job of the shards once plan runs.

    The Job is deleted, and made again after plan, if plan is refused or none of its pods gets
    ready: a pod that waits for the plan may hold the room that plan needs. It is also deleted if
    the batch is to be held after plan.
    """
    facts = stage.facts
    plan = find(case.seen, Step.PLAN, 0, facts.runs.plan)
    in_trouble = facts.retry is not None or (plan is not None and is_blocked(plan, case.now))
    if facts.runs.shards:
        return _kept(case, stage, give_back=in_trouble or case.batch.spec.suspend_after is not None)
    shards = expected_shards(case.batch, case.seen.ceilings)
    if shards is None or plan is None or in_trouble or not _runs(plan):
        return stage
    if case.seen.obstacle is not None or plan.failed_pods:
        return stage
    facts = facts.with_run(Step.COMPRESS, 1)
    return _with(
        replace(stage, facts=facts), CreateJob(Step.COMPRESS, 1, shards=shards, waits=True)
    )


def _kept(case: Case, stage: Planning, *, give_back: bool) -> Planning:
    """Return the stage with the Job of the shards as it is; with ``give_back`` without it.

    The next run is then the one after plan, so the Job is deleted as a stray.
    """
    facts = stage.facts
    run = facts.runs.shards[0]
    job = find(case.seen, Step.COMPRESS, 0, run)
    if job is None or job.finished or job.deleting:
        return stage
    if give_back:
        return replace(stage, facts=facts.with_run(Step.COMPRESS, run + 1))
    return _with(stage, *bring_in_line(case, job))


def _with(stage: Planning, *actions: Action) -> Planning:
    return replace(stage, next=replace(stage.next, actions=(*stage.next.actions, *actions)))


def _runs(plan: JobView) -> bool:
    """Return whether plan's pod runs: the others then neither take its room nor slow its start."""
    return bool(plan.ready) and not (plan.deleting or plan.suspended or plan.queue is not None)
