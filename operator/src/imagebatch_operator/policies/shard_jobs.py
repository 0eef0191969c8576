"""The compress step: one Indexed Job of at most 10,000 shards after another."""

from __future__ import annotations

from dataclasses import replace

from imagebatch_core.counted import counted
from imagebatch_core.index_list import count_indexes
from imagebatch_core.job import Step
from imagebatch_core.reasons import Reason

from .actions import CreateJob, ReadOutcome
from .early_collect import with_collect
from .facts import Case, Facts, has_ended, may_be_refused
from .failed_pods import last_outcome, refuses_all
from .mending import create, run_later
from .observed import JobView, PodOutcome, find, first_pass, fits
from .running_job import is_replaced, keep_going
from .shards import chunk_size
from .stages import Compressing, Next, Note


def compressing(case: Case) -> Compressing | None:
    """Return the stage Compressing; ``None`` once all shards have ended, failed ones included."""
    facts = case.facts
    runs = facts.runs.shards
    if not facts.shards_open:
        return None
    if not runs:
        return _run(case, chunk=0, run=1)
    chunk, run = len(runs) - 1, runs[-1]
    job = find(case.seen, Step.COMPRESS, chunk, run)
    if job is None:
        return _run(case, chunk, run)
    if facts.shards is not None and not fits(facts.shards.total, job):
        return _run(case, chunk, run + 1)
    if has_ended(case.seen, job):
        return _run(case, chunk + 1, run=1)
    if job.finished and not may_be_refused(case.seen, job):
        return _run(case, chunk, run + 1)  # its failed shards once more
    if job.deleting:
        return Compressing(facts)
    if is_replaced(case, job):
        return _run(case, chunk, run + 1)
    if not job.failed_pods and not job.finished:
        following = keep_going(case, job)
        if following.note is None and job.shards:
            following = replace(following, note=_second_run(facts, job))
        return with_collect(case, job, Compressing(facts, following))
    told = last_outcome(case, job)
    if told.outcome is None:
        return Compressing(facts, Next((ReadOutcome(job.name),)))
    if job.finished or refuses_all(told.outcome):
        return Compressing(*run_later(case, job, _error(told.outcome)))
    following = keep_going(case, job, _failure(facts, job, told.outcome))
    return with_collect(case, job, Compressing(facts, _sooner(following, told.look_again)))


def _run(case: Case, chunk: int, run: int) -> Compressing:
    """Return the stage that creates the Job of a run."""
    facts = case.facts
    if facts.shards is not None and chunk == len(facts.runs.shards) > 0:
        # All shards of the Jobs before have ended; those Jobs are deleted once this one exists.
        before = facts.shards.model_copy(update={"failed_before": facts.shards.failed})
        facts = replace(facts, shards=before)
    facts = facts.with_run(Step.COMPRESS, run, chunk)
    total = facts.shards.total if facts.shards else 0
    failed = first_pass(case.seen, total, chunk, run)
    numbers = failed.incomplete if failed is not None else ""
    size = count_indexes(numbers) or chunk_size(total, chunk)
    action = CreateJob(Step.COMPRESS, run, chunk, size, numbers)
    return Compressing(facts, create(case, action))


def _second_run(facts: Facts, job: JobView) -> Note:
    failed = counted(shard=count_indexes(job.shards))
    return Note(Reason.RETRYING, f"{facts.progress}; {failed} failed and run once more")


def _failure(facts: Facts, job: JobView, outcome: PodOutcome) -> Note:
    """Return a note with the progress and the last error.

    Its reason is Retrying until a shard has been completed since.
    """
    pods = "1 pod" if job.failed_pods == 1 else f"{job.failed_pods} pods"
    text = f"{facts.progress}; {pods} failed, the last: {_error(outcome)}"
    further = outcome.look is not None and job.completed_indexes > outcome.look.completed_indexes
    return Note(Reason.COMPRESSING if further else Reason.RETRYING, text)


def _error(outcome: PodOutcome) -> str:
    return outcome.error or "it left no reason; see its log"


def _sooner(following: Next, seconds: float | None) -> Next:
    if seconds is None:
        return following
    return replace(following, look_again=min(seconds, following.look_again or seconds))
