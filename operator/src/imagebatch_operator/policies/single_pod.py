"""The steps plan and collect: one pod each, whose termination message is the result."""

from __future__ import annotations

from typing import Final, TypeVar

from imagebatch_core.counted import counted
from imagebatch_core.job import ExitCode, Step
from imagebatch_core.outcome import outcome
from imagebatch_core.reasons import Phase, Reason

from .actions import CreateJob, DeleteJob, ReadOutcome
from .early_shards import with_shards
from .facts import Case, Facts
from .failed_pods import last_outcome
from .mending import create, run_later
from .observed import JobView, PodOutcome, find
from .running_job import is_replaced, keep_going
from .stages import Collecting, Ended, Next, Note, Planning

_Stage = TypeVar("_Stage", Planning, Collecting)

#: The batch fails when this many results of one step are lost.
MAX_LOST: Final = 3


def planning(case: Case) -> Planning | Ended | None:
    """Return the stage Planning, or the end of a dry run; ``None`` once the batch is planned."""
    facts = case.facts
    if facts.shards is None:
        stage = _step(case, Planning)
        return with_shards(case, stage) if isinstance(stage, Planning) else stage
    if not case.batch.spec.dry_run:
        return None
    images = facts.images.total if facts.images else 0
    text = counted(product=facts.products or 0, image=images, shard=facts.shards.total)
    return Ended(facts, Phase.COMPLETED, Reason.DRY_RUN_COMPLETED, text)


def collecting(case: Case) -> Collecting | Ended:
    """Return the stage Collecting, or the end of the batch once its report is written.

    The batch is Failed if more than ``maxFailedPercent`` of its images failed.
    """
    images = case.facts.images
    if images is None or not case.facts.collected:
        return collect_step(case)
    found = outcome(
        images.total,
        failed=images.failed or 0,
        reused=images.reused or 0,
        max_failed_percent=case.batch.spec.max_failed_percent,
    )
    return Ended(case.facts, found.phase, found.reason, found.message)


def collect_step(case: Case) -> Collecting | Ended:
    """Return the stage of collect while there is no report, or the end if collect failed."""
    return _step(case, Collecting)


def _step(case: Case, stage: type[_Stage]) -> _Stage | Ended:
    """Return the stage of a step that has no result yet, or the end if it failed for good."""
    step, facts = stage.step, case.facts
    run = facts.runs.plan if step is Step.PLAN else facts.runs.collect
    if run == 0:
        return _run(case, stage, facts, 1)
    job = find(case.seen, step, 0, run)
    if job is None:
        return _run(case, stage, facts, run)
    if job.deleting:
        return stage(facts)
    if is_replaced(case, job) or (job.waits and _waits_in_vain(facts, job)):
        return _run(case, stage, facts, run + 1)
    if not job.finished and not job.failed_pods:
        return stage(facts, keep_going(case, job))
    outcome = last_outcome(case, job).outcome
    if outcome is None:
        return stage(facts, Next((ReadOutcome(job.name),)))
    error = outcome.error or "the runner gave no reason; see its log"
    if outcome.exit_code == ExitCode.INPUT_REFUSED:
        delete = Next((DeleteJob(job.name),), look_again=0.0)
        return Ended(facts, Phase.FAILED, _refusal(outcome), error, next=delete)
    if outcome.exit_code == ExitCode.CONFIGURATION_REFUSED:
        return stage(*run_later(case, job, error))
    if not job.finished:
        failure = Note(Reason.RETRYING, outcome.error) if outcome.error else None
        return stage(facts, keep_going(case, job, failure))
    if job.failed:
        reason = Reason.PLAN_FAILED if step is Step.PLAN else Reason.COLLECT_FAILED
        return Ended(facts, Phase.FAILED, reason, f"the {step} pods failed: {error}")
    return _again(case, stage, run)


def _waits_in_vain(facts: Facts, job: JobView) -> bool:
    """Return whether a Job of collect waits for images that nobody will record, or has failed."""
    given_up = facts.shards is not None and facts.shards.failed > 0
    return given_up or facts.ending is not None or job.failed


def _run(
    case: Case, stage: type[_Stage], facts: Facts, run: int, note: Note | None = None
) -> _Stage:
    """Return the stage that creates the Job of a run."""
    action = CreateJob(stage.step, run)
    return stage(facts.with_run(stage.step, run), create(case, action, note))


def _again(case: Case, stage: type[_Stage], run: int) -> _Stage | Ended:
    """Run a step again whose pod is gone with its message; a new run gives the same result.

    Losses are not counted by runs, because each suspension of a queued batch adds a run too.
    """
    lost = case.facts.runs.lost + 1
    if lost >= MAX_LOST:
        text = f"the result of {stage.step} was lost {lost} times"
        return Ended(case.facts, Phase.FAILED, Reason.RESULT_LOST, text)
    note = Note(Reason.RETRYING, f"the result of {stage.step} was lost")
    return _run(case, stage, case.facts.with_lost(lost), run + 1, note)


def _refusal(outcome: PodOutcome) -> Reason:
    """Return the reason in the pod's message if it is a known one, else InputRefused."""
    if outcome.message is not None and isinstance(outcome.message.reason, Reason):
        return outcome.message.reason
    return Reason.INPUT_REFUSED
