"""What somebody has to mend: a store, a setting or a quota that refuses. The batch waits, Stalled.

It ends by cancel or by its deadline alone, and goes on by itself once the mending is done.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from imagebatch_core.reasons import Reason
from imagebatch_core.status import MESSAGE_LENGTH, Retry

from .actions import CreateJob, DeleteJob
from .backoff import wait_after, wait_since
from .facts import Case, Facts
from .observed import JobView
from .stages import Next, Note

#: A pod looks at the store first: one that is refused ends within seconds.
_SECONDS_TO_REFUSE: Final = 30.0


def run_later(case: Case, job: JobView, error: str) -> tuple[Facts, Next]:
    """A run was refused: it makes way for the next one, which begins after a wait that grows."""
    before = case.facts.retry
    refusals = before.refusals + 1 if before else 1
    wait = wait_after(refusals)
    retry = Retry(
        refusals=refusals,
        next_time=case.now + timedelta(seconds=wait),
        message=error[:MESSAGE_LENGTH],
    )
    facts = replace(case.facts.with_run(job.step, job.run + 1, job.chunk), retry=retry)
    # One that runs still goes as every run that is not current.
    actions = (DeleteJob(job.name),) if job.finished else ()
    return facts, Next(actions, _refused(retry), look_again=wait)


def create(case: Case, action: CreateJob, note: Note | None = None) -> Next:
    """Ask for a Job, when it is time to after a refusal, and say what was refused."""
    retry, obstacle = case.facts.retry, case.seen.obstacle
    left = wait = None
    if retry is not None:
        note = _refused(retry)
        left = (retry.next_time - case.now).total_seconds()
    if obstacle is not None:
        note = Note(Reason.PODS_BLOCKED, obstacle.text, stalled=True)
        wait = wait_since(obstacle.since, obstacle.tried)
        left = (obstacle.tried - case.now).total_seconds() + wait
    if left is not None and left > 0:
        return Next((), note, look_again=left)
    return Next((action,), note, look_again=wait)


def still_refused(case: Case, job: JobView) -> Note | None:
    """What the run before was refused for, until a pod of this one lives for longer than that."""
    retry = case.facts.retry
    if retry is None or (job.ready and until_trusted(case, job) <= 0):
        return None
    return _refused(retry)


def until_trusted(case: Case, job: JobView) -> float:
    """Seconds until the pods of a run would have ended if they were refused as those before."""
    return _SECONDS_TO_REFUSE - (case.now - job.started).total_seconds()


def _refused(retry: Retry) -> Note:
    return Note(Reason.CONFIGURATION_REFUSED, retry.message, stalled=True)
