"""What should be so for a batch: pure, and the same whatever happened before.

`decide` reads the batch, its Jobs and the clock, and returns the status to write and the actions
to carry out after that write. It knows no Kubernetes client; a crash between the write and any
action is repaired by the next call, which asks for the same again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from imagebatch_core.job import ExitCode, Step
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch, Runs, Shards

from .actions import Action, CreateJob, Decision, DeleteJob, ExplainBlocked, PatchJob, ReadOutcome
from .after_end import after_end
from .draft import Draft
from .observed import JobView, Observation, PodOutcome

#: Indexes of one Job; upstream's limits begin to bite above it.
SHARDS_PER_JOB = 10_000
#: How often a step is run again when its message cannot be read.
MAX_RUNS = 3
BLOCKED_AFTER = timedelta(seconds=60)
_BLOCKED_REFRESH = 60.0
_HEAL_SECONDS = 15.0


def decide(batch: ImageBatch, seen: Observation, now: datetime) -> Decision:
    """One pass over a batch."""
    if batch.deletion_timestamp is not None:
        return Decision(batch.status)
    if batch.status.phase is not None and batch.status.phase.finished:
        return after_end(batch, seen, now)
    draft = Draft(batch, now)
    ended = _ended_from_outside(batch, seen, draft, now)
    if ended:
        return Decision(draft.build(), tuple(DeleteJob(j.name) for j in seen.jobs), 0.0)
    if seen.refusal is not None:
        draft.condition(ConditionType.ACCEPTED, False, seen.refusal.reason, seen.refusal.message)
        draft.working(Phase.PENDING, Reason.WAITING, seen.refusal.message)
        return Decision(draft.build(), (), _HEAL_SECONDS)
    draft.condition(ConditionType.ACCEPTED, True, Reason.ACCEPTED)
    actions = _suspend(batch, seen, draft) if batch.spec.suspend else _advance(batch, seen, draft)
    if seen.obstacle is not None and any(isinstance(a, CreateJob) for a in actions):
        draft.condition(ConditionType.RECONCILING, True, Reason.PODS_BLOCKED, seen.obstacle)
    requeue = 0.0 if draft.current.phase and draft.current.phase.finished else None
    return Decision(draft.build(), tuple(actions), requeue or _wake(batch, seen, draft, now))


def _ended_from_outside(batch: ImageBatch, seen: Observation, draft: Draft, now: datetime) -> bool:
    """Ends that need no Job: a refusal for good, cancel, the deadline."""
    if seen.refusal is not None and seen.refusal.permanent:
        draft.condition(ConditionType.ACCEPTED, False, seen.refusal.reason, seen.refusal.message)
        draft.ended(Phase.FAILED, seen.refusal.reason, seen.refusal.message)
        return True
    if batch.spec.cancel:
        draft.ended(Phase.CANCELLED, Reason.CANCELLED, "cancelled by spec.cancel")
        return True
    end = _deadline(batch)
    if end is not None and now >= end:
        limit = batch.spec.active_deadline_seconds
        text = f"not finished within activeDeadlineSeconds ({limit})"
        draft.ended(Phase.FAILED, Reason.DEADLINE_EXCEEDED, text)
        return True
    return False


def _deadline(batch: ImageBatch) -> datetime | None:
    if batch.spec.active_deadline_seconds is None or batch.status.start_time is None:
        return None
    return batch.status.start_time + timedelta(seconds=batch.spec.active_deadline_seconds)


def _queued(batch: ImageBatch) -> bool:
    """With a queue, Kueue owns `suspend` of the Jobs: it is never written here."""
    return LABEL_KUEUE_QUEUE in batch.labels


def _suspend(batch: ImageBatch, seen: Observation, draft: Draft) -> list[Action]:
    draft.working(Phase.SUSPENDED, Reason.SUSPENDED_BY_USER, "suspended by spec.suspend")
    running = [j for j in seen.jobs if not j.finished and not j.deleting]
    if not _queued(batch):
        return [PatchJob(j.name, suspend=True) for j in running if not j.suspended]
    for job in running:
        draft.set(runs=_with_run(draft.runs, job.step, job.chunk, job.run + 1))
    return [DeleteJob(job.name) for job in running]


def _advance(batch: ImageBatch, seen: Observation, draft: Draft) -> list[Action]:
    if draft.current.shards is None:
        outcome = _step(batch, seen, draft, Step.PLAN)
        if isinstance(outcome, list):
            return outcome
        message = outcome.message
        if message is None:
            raise AssertionError("a step that is over has a message")
        draft.planned(message)
        if batch.spec.dry_run:
            text = f"{message.products} products, {message.images} images, {message.shards} shards"
            draft.ended(Phase.COMPLETED, Reason.DRY_RUN_COMPLETED, text)
            return []
        if message.step is Step.COLLECT:
            draft.collected(message)
            return []
    shards = draft.current.shards
    if shards is not None and shards.done + shards.failed < shards.total:
        actions = _compress(batch, seen, draft, shards)
        if actions is not None:
            return actions
    outcome = _step(batch, seen, draft, Step.COLLECT)
    if isinstance(outcome, list):
        return outcome
    if outcome.message is not None:
        draft.collected(outcome.message)
    return []


def _step(
    batch: ImageBatch, seen: Observation, draft: Draft, step: Step
) -> list[Action] | PodOutcome:
    """Plan or collect: what to do next, or how it ended well."""
    planning = step is Step.PLAN
    draft.working(
        Phase.PROCESSING,
        Reason.PLANNING if planning else Reason.COLLECTING,
        "validating and splitting the CSV" if planning else "writing the report",
    )
    run = draft.runs.plan if planning else draft.runs.collect
    if run == 0:
        draft.set(runs=_with_run(draft.runs, step, 0, 1))
        return [CreateJob(step, 1)]
    job = _find(seen, step, 0, run)
    if job is None:
        return [CreateJob(step, run)]
    if job.deleting:
        return []
    if not job.finished and not job.failed_pods:
        return _keep_going(batch, seen, draft, job)
    outcome = seen.outcomes.get(job.name)
    if outcome is None:
        return [ReadOutcome(job.name)]
    # At collect the storage has worked for the whole batch: a refusal may pass (a rotated key),
    # and ending there would throw the work away. The Job's retries decide.
    final = (ExitCode.INPUT_REFUSED, ExitCode.CONFIGURATION_REFUSED)
    if planning and outcome.exit_code in final:
        refused = outcome.exit_code == ExitCode.INPUT_REFUSED
        reason = Reason.INPUT_REFUSED if refused else Reason.CONFIGURATION_REFUSED
        error = outcome.message.error if outcome.message else None
        draft.ended(Phase.FAILED, reason, error or "the runner gave no reason; see its log")
        return [DeleteJob(job.name)]
    if not job.finished:
        return _keep_going(batch, seen, draft, job)
    if job.succeeded and _is_result(outcome, step):
        return outcome
    if job.failed:
        reason = Reason.PLAN_FAILED if planning else Reason.COLLECT_FAILED
        error = outcome.message.error if outcome.message else None
        text = f"the {step} pods failed"
        draft.ended(Phase.FAILED, reason, f"{text}: {error}" if error else f"{text}; see their log")
        return []
    # It finished, and its pod is gone with its message: doing it again gives the same result.
    if run >= MAX_RUNS:
        draft.ended(Phase.FAILED, Reason.RESULT_LOST, f"the result of {step} was lost {run} times")
        return []
    draft.set(runs=_with_run(draft.runs, step, 0, run + 1))
    draft.condition(
        ConditionType.RECONCILING, True, Reason.RETRYING, f"the result of {step} was lost"
    )
    return [CreateJob(step, run + 1)]


def _is_result(outcome: PodOutcome, step: Step) -> bool:
    """Only a pod that did all of it has a result; a failed one may be all that is left to read."""
    message = outcome.message
    if message is None or outcome.exit_code != ExitCode.DONE:
        return False
    return message.totals is not None or (step is Step.PLAN and message.step is Step.PLAN)


def _compress(
    batch: ImageBatch, seen: Observation, draft: Draft, shards: Shards
) -> list[Action] | None:
    """The shard Jobs, one after another; ``None`` once all of them have ended."""
    for chunk in range(ceil(shards.total / SHARDS_PER_JOB)):
        first = chunk * SHARDS_PER_JOB
        size = min(SHARDS_PER_JOB, shards.total - first)
        runs = draft.runs.shards
        lost = _failed_before(seen, draft.runs, chunk)
        if len(runs) <= chunk:
            draft.set(runs=_with_run(draft.runs, Step.COMPRESS, chunk, 1))
            _progress(batch, draft, shards, first - lost, lost)
            return [CreateJob(Step.COMPRESS, 1, chunk, size)]
        if len(runs) > chunk + 1:
            continue  # a later Job was begun, so this one had ended
        job = _find(seen, Step.COMPRESS, chunk, runs[chunk])
        if job is None:
            _progress(batch, draft, shards, first - lost, lost)
            return [CreateJob(Step.COMPRESS, runs[chunk], chunk, size)]
        if not job.finished:
            done = first - lost + job.completed_indexes
            _progress(batch, draft, shards, done, lost + job.failed_indexes)
            return [] if job.deleting else _keep_going(batch, seen, draft, job)
        # Failed shards do not fail the batch: collect reports their images as shard_failed.
        done = first - lost + job.completed_indexes
        _progress(batch, draft, shards, done, first + size - done)
        if chunk + 1 < ceil(shards.total / SHARDS_PER_JOB):
            next_size = min(SHARDS_PER_JOB, shards.total - first - size)
            draft.set(runs=_with_run(draft.runs, Step.COMPRESS, chunk + 1, 1))
            return [CreateJob(Step.COMPRESS, 1, chunk + 1, next_size)]
        return None
    return None


def _failed_before(seen: Observation, runs: Runs, chunk: int) -> int:
    """Failed shards of the Jobs before this one; a Job that somebody removed counts as done."""
    earlier = (_find(seen, Step.COMPRESS, n, runs.shards[n]) for n in range(chunk))
    return sum(SHARDS_PER_JOB - job.completed_indexes for job in earlier if job is not None)


def _progress(batch: ImageBatch, draft: Draft, shards: Shards, done: int, failed: int) -> None:
    """Shard-precise progress; the last shard may be shorter, so the total bounds it."""
    draft.set(shards=shards.model_copy(update={"done": done, "failed": failed}))
    images = draft.current.images
    if images is not None:
        recorded = min(images.total, (done + failed) * batch.spec.images_per_shard)
        draft.set(images=images.model_copy(update={"done": recorded}))
    text = f"{done + failed} of {shards.total} shards"
    draft.working(Phase.PROCESSING, Reason.COMPRESSING, text)


def _keep_going(batch: ImageBatch, seen: Observation, draft: Draft, job: JobView) -> list[Action]:
    """A running Job: bring its settings in line, and say why when nothing gets ready."""
    actions: list[Action] = []
    queued = _queued(batch)
    if job.suspended and not queued:
        actions.append(PatchJob(job.name, suspend=False))
    if job.step is Step.COMPRESS and job.parallelism != batch.spec.parallelism:
        if queued:
            draft.condition(
                ConditionType.RECONCILING, True, Reason.COMPRESSING,
                "the new parallelism applies to the next Job, for this one is in a queue",
            )  # fmt: skip
        else:
            actions.append(PatchJob(job.name, parallelism=batch.spec.parallelism))
    blocked = seen.blocked.get(job.name)
    if blocked is not None and not job.ready:
        draft.condition(ConditionType.RECONCILING, True, Reason.PODS_BLOCKED, blocked)
    elif _waits_too_long(job, draft.now):
        actions.append(ExplainBlocked(job.name))
    return actions


def _waits_too_long(job: JobView, now: datetime) -> bool:
    idle = not job.ready and not job.suspended and not job.finished and not job.deleting
    return idle and now - job.created >= BLOCKED_AFTER


def _wake(batch: ImageBatch, seen: Observation, draft: Draft, now: datetime) -> float | None:
    """Seconds until time alone may change the answer."""
    times: list[float] = []
    if draft.current.phase and draft.current.phase.finished:
        return 0.0
    end = _deadline(batch)
    if end is not None:
        times.append((end - now).total_seconds())
    for job in seen.jobs:
        if not job.ready and not job.finished and not job.suspended:
            left = (job.created + BLOCKED_AFTER - now).total_seconds()
            times.append(left if left > 0 else _BLOCKED_REFRESH)
    return max(0.1, min(times)) if times else None


def _find(seen: Observation, step: Step, chunk: int, run: int) -> JobView | None:
    return next((j for j in seen.jobs if (j.step, j.chunk, j.run) == (step, chunk, run)), None)


def _with_run(runs: Runs, step: Step, chunk: int, run: int) -> Runs:
    if step is not Step.COMPRESS:
        return runs.model_copy(update={step.value: run})
    shards = [*runs.shards[:chunk], run, *runs.shards[chunk + 1 :]]
    return runs.model_copy(update={"shards": shards})
