"""The early ends of a batch: it is cancelled, or its deadline has passed.

Its pods stop, and what they have recorded is collected, so that the report says which images are
done. It ends without a report if collect is refused or gets no pod for ten minutes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from imagebatch_core.job import Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import Ending, Paused

from .actions import DeleteJob, ReadOutcome
from .facts import Case, Facts
from .observed import JobView, Refusal, find
from .single_pod import collect_step
from .stages import Collecting, Ended, Next, Note

#: Pods get 60 s to record what they have done; one on a lost node never ends.
_PODS_STOP_WITHIN: Final = timedelta(seconds=90)
#: Seconds until a Job that was told to stop late is looked at again.
_FIRST_LOOK: Final = 5.0
#: Within this time collect gets a pod, or the batch ends without a report. An autoscaler takes
#: minutes to add a node, a quota is free once the stopped pods are gone, and a namespace's default
#: queue takes the collect Job whatever its labels say.
_COLLECT_STARTS_WITHIN: Final = timedelta(minutes=10)


def ending(case: Case) -> Collecting | Ended | None:
    """Return the stage of a batch that is cancelled or over its deadline, otherwise ``None``."""
    why = case.facts.ending or _cancelled(case) or _deadline_exceeded(case)
    if why is None:
        return None
    begins = case.facts.ending is None
    unread = _unread_plan(case)
    if begins and unread is not None:
        return Collecting(case.facts, Next((ReadOutcome(unread.name),)))
    facts = replace(case.facts, ending=why)
    if begins:
        facts = replace(_out_of_the_queue(case, facts), retry=None)
    if facts.collected or (begins and not _may_have_results(case)):
        return _end_early(case, facts)
    stopping = [j for j in case.seen.jobs if j.step is not Step.COLLECT and not j.finished]
    stop = tuple(DeleteJob(job.name, after_pods=True) for job in stopping if not job.deleting)
    left = (why.since + _PODS_STOP_WITHIN - case.now).total_seconds()
    # Jobs that are still to be stopped come first, also where the operator was away for longer.
    if stop or (stopping and left > 0):
        text = f"{why.message}; its pods record what they have done"
        wait = max(left, _FIRST_LOOK)
        return Collecting(facts, Next(stop, Note(Reason.COLLECTING, text), look_again=wait))
    return _collect(replace(case, facts=facts), why)


def until_deadline(case: Case) -> float | None:
    """Return the seconds left until the deadline; ``None`` without one, or before the start."""
    limit, status = case.batch.spec.active_deadline_seconds, case.batch.status
    if limit is None or status.start_time is None:
        return None
    paused = status.paused or Paused()
    active = (paused.since or case.now) - status.start_time
    return limit + paused.seconds - active.total_seconds()


def end(
    case: Case, phase: Phase, reason: Reason, message: str, refusal: Refusal | None = None
) -> Ended:
    """Return an end that deletes all Jobs of the batch."""
    jobs = tuple(DeleteJob(job.name) for job in case.seen.jobs)
    return Ended(case.facts, phase, reason, message, refusal, Next(jobs, look_again=0.0))


def _cancelled(case: Case) -> Ending | None:
    if not case.batch.spec.cancel:
        return None
    text = "cancelled by spec.cancel"
    return Ending(reason=Reason.CANCELLED, message=text, since=case.now)


def _deadline_exceeded(case: Case) -> Ending | None:
    """Return the end of a batch that ran for ``spec.activeDeadlineSeconds``, pauses not counted.

    A batch whose report is written is done, however late this operator looks.
    """
    left = until_deadline(case)
    if left is None or left > 0 or case.facts.collected:
        return None
    text = f"not finished within activeDeadlineSeconds ({case.batch.spec.active_deadline_seconds})"
    return Ending(reason=Reason.DEADLINE_EXCEEDED, message=text, since=case.now)


def _out_of_the_queue(case: Case, facts: Facts) -> Facts:
    """Return the facts with the next run of collect if its Job waits in a queue."""
    job = find(case.seen, Step.COLLECT, 0, facts.runs.collect)
    return facts.with_run(Step.COLLECT, job.run + 1) if job is not None and job.held else facts


def _unread_plan(case: Case) -> JobView | None:
    """Return the ended Job of plan if its pod has not been read.

    For a batch of one shard that pod may have written the report.
    """
    if case.facts.shards is not None:
        return None
    job = find(case.seen, Step.PLAN, 0, case.facts.runs.plan)
    unread = job is not None and job.succeeded and job.name not in case.seen.outcomes
    return job if unread else None


def _may_have_results(case: Case) -> bool:
    """Return whether a pod may have recorded results.

    The plan pod of a batch of one shard goes on through the images, and only its end says so.
    """
    facts, spec = case.facts, case.batch.spec
    if facts.shards is not None or facts.runs.shards:
        return bool(facts.runs.shards)
    if spec.dry_run:
        return False
    job = find(case.seen, Step.PLAN, 0, facts.runs.plan)
    if job is not None and job.plans_only:
        # spec.suspendAfter may have been set after an earlier run had begun.
        return facts.retry is None and job.run > 1
    if job is not None and (job.ready or (job.suspended and not job.held)):
        return True
    # Without a refusal, an earlier pod or run may have got as far, or a Job that somebody deleted.
    failed = job is not None and job.failed_pods > 0
    refused = case.batch.status.is_true(ConditionType.STALLED)
    gone = job is None and facts.runs.plan > 0 and not refused
    return facts.retry is None and (failed or gone or facts.runs.plan > 1)


def _collect(case: Case, why: Ending) -> Collecting | Ended:
    """Return the stage of collect, or an end without a report if collect cannot run or fails."""
    stage = collect_step(case)
    if isinstance(stage, Ended):
        return _end_early(case, stage.facts, stage.message)
    note = stage.next.note
    if note is None or not (note.stalled or note.reason is Reason.QUEUED):
        return stage
    left = (why.since + _COLLECT_STARTS_WITHIN - case.now).total_seconds()
    if note.reason is Reason.CONFIGURATION_REFUSED or left <= 0:
        return _end_early(case, stage.facts, note.message)
    sooner = min(left, stage.next.look_again or left)
    return replace(stage, next=replace(stage.next, look_again=sooner, pauses=False))


def _end_early(case: Case, facts: Facts, obstacle: str | None = None) -> Ended:
    """Return the end; ``obstacle`` says why there is no report although there may be results."""
    why, images = facts.ending, facts.images
    assert why is not None  # noqa: S101 - the callers set it
    text = why.message
    if facts.collected and images is not None:
        done = images.total - (images.failed or 0)
        text += f"; {done} of {images.total} images are done, the report lists all"
    elif obstacle is not None:
        text += f"; there is no report: {obstacle}"
    cancelled = why.reason == Reason.CANCELLED
    phase = Phase.CANCELLED if cancelled else Phase.FAILED
    reason = Reason.CANCELLED if cancelled else Reason.DEADLINE_EXCEEDED
    return end(replace(case, facts=facts), phase, reason, text)
