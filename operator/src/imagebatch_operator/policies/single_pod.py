"""Plan and collect: one pod each, whose termination message is their result."""

from __future__ import annotations

from imagebatch_core.job import ExitCode, Step
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch

from .actions import Action, CreateJob, DeleteJob, ReadOutcome
from .draft import Draft
from .observed import JobView, Observation, PodOutcome
from .running_job import bring_in_line, keep_going
from .runs import find, with_run

#: Results that may be lost before the batch fails.
MAX_LOST = 3


def step(
    batch: ImageBatch, seen: Observation, draft: Draft, which: Step
) -> list[Action] | PodOutcome:
    """What to do next, or how it ended well: an outcome that has a message."""
    planning = which is Step.PLAN
    draft.working(
        Phase.PROCESSING,
        Reason.PLANNING if planning else Reason.COLLECTING,
        "validating and splitting the CSV" if planning else "writing the report",
    )
    run = draft.runs.plan if planning else draft.runs.collect
    if run == 0:
        draft.set(runs=with_run(draft.runs, which, 0, 1))
        return [CreateJob(which, 1)]
    job = find(seen, which, 0, run)
    if job is None:
        return [CreateJob(which, run)]
    if job.deleting:
        return []
    if not job.finished and not job.failed_pods:
        return keep_going(batch, seen, draft, job)
    outcome = seen.outcomes.get(job.name)
    if outcome is None:
        return [ReadOutcome(job.name)]
    error = outcome.message.error if outcome.message else None
    if _lasts(batch, outcome, job):
        refused = outcome.exit_code == ExitCode.INPUT_REFUSED
        reason = Reason.INPUT_REFUSED if refused else Reason.CONFIGURATION_REFUSED
        draft.ended(Phase.FAILED, reason, error or "the runner gave no reason; see its log")
        return [DeleteJob(job.name)]
    if not job.finished:
        if error:
            draft.condition(ConditionType.RECONCILING, True, Reason.RETRYING, error)
        if error and not job.active:
            # The Job waits before its next pod, which is no blockage: the cause stays to be read.
            return bring_in_line(batch, draft, job)
        return keep_going(batch, seen, draft, job)
    if job.succeeded and _is_result(outcome, which):
        return outcome
    if job.failed:
        reason = Reason.PLAN_FAILED if planning else Reason.COLLECT_FAILED
        text = f"the {which} pods failed"
        draft.ended(Phase.FAILED, reason, f"{text}: {error}" if error else f"{text}; see their log")
        return []
    return _again(draft, which, run)


def _lasts(batch: ImageBatch, outcome: PodOutcome, job: JobView) -> bool:
    """Whether the pod ended with a refusal that another try cannot help.

    The runner says so by its exit code, for what may pass has another. A store or setting that is
    refused, though, may have served an earlier pod, as when a key pair is being replaced: what
    that one recorded is not thrown away before the Job's own tries are used up.
    """
    if outcome.exit_code == ExitCode.INPUT_REFUSED:
        return True
    if outcome.exit_code != ExitCode.CONFIGURATION_REFUSED:
        return False
    return job.finished or not _served_before(batch, outcome, job)


def _served_before(batch: ImageBatch, outcome: PodOutcome, job: JobView) -> bool:
    """Whether another pod of plan may have worked before this one.

    Of some nothing is left to read: those of an earlier run, those that were removed once they had
    failed, and those that a suspension ended, which their Job does not count either.
    """
    gone = job.run > 1 or job.failed_pods > outcome.ended or _was_suspended(batch)
    return gone or outcome.others_worked


def _was_suspended(batch: ImageBatch) -> bool:
    """After its first Job was asked for: the condition has moved since then."""
    suspended, start = batch.status.condition(ConditionType.SUSPENDED), batch.status.start_time
    return suspended is not None and start is not None and suspended.last_transition_time > start


def _again(draft: Draft, which: Step, run: int) -> list[Action]:
    """It finished, and its pod is gone with its message: doing it again gives the same result.

    Runs are not what is counted: each suspension of a batch in a queue makes one as well.
    """
    lost = draft.runs.lost + 1
    if lost >= MAX_LOST:
        text = f"the result of {which} was lost {lost} times"
        draft.ended(Phase.FAILED, Reason.RESULT_LOST, text)
        return []
    runs = draft.runs.model_copy(update={"lost": lost})
    draft.set(runs=with_run(runs, which, 0, run + 1))
    text = f"the result of {which} was lost"
    draft.condition(ConditionType.RECONCILING, True, Reason.RETRYING, text)
    return [CreateJob(which, run + 1)]


def _is_result(outcome: PodOutcome, which: Step) -> bool:
    """Only a pod that did all of it has a result; a failed one may be all that is left to read."""
    message = outcome.message
    if message is None or outcome.exit_code != ExitCode.DONE:
        return False
    return message.totals is not None or (which is Step.PLAN and message.step is Step.PLAN)
