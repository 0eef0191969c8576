"""Retry while a store, a setting or a quota refuses the batch's Jobs.

The batch is Stalled until somebody repairs the cause; then it continues by itself. Only cancel or
its deadline can end it before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from imagebatch_core.condition import MESSAGE_LENGTH
from imagebatch_core.reasons import Reason
from imagebatch_core.shortened import shortened
from imagebatch_core.status import Retry

from .actions import CreateJob, DeleteJob
from .backoff import wait_after, wait_since
from .facts import Case, Facts
from .observed import JobView
from .stages import Next, Note

#: Within this time a refused pod has ended, since a pod checks the store first.
_SECONDS_TO_REFUSE: Final = 30.0


def run_later(case: Case, job: JobView, error: str) -> tuple[Facts, Next]:
    """Replace a refused run by the next one, which begins after a wait that grows each time."""
    before = case.facts.retry
    refusals = before.refusals + 1 if before else 1
    wait = wait_after(refusals)
    retry = Retry(
        refusals=refusals,
        next_time=case.now + timedelta(seconds=wait),
        message=shortened(error, MESSAGE_LENGTH),
    )
    facts = replace(case.facts.with_run(job.step, job.run + 1, job.chunk), retry=retry)
    # A Job that still runs is deleted as a stray, because its run is no longer the current one.
    actions = (DeleteJob(job.name),) if job.finished else ()
    return facts, Next(actions, _refused(retry), look_again=wait)


def create(case: Case, action: CreateJob, note: Note | None = None) -> Next:
    """Return the action that creates a Job; after a refusal, only once the back-off has passed.

    Until then the result has no action, and a note that says what refused the Job.
    """
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
    """Return why the previous run was refused, until this run is trusted not to be.

    A run is trusted once it has a ready pod and runs for longer than a refused pod would.
    """
    retry = case.facts.retry
    if retry is None or (job.ready and until_trusted(case, job) <= 0):
        return None
    return _refused(retry)


def until_trusted(case: Case, job: JobView) -> float:
    """Return the seconds until the run has lasted longer than a refused pod would."""
    return _SECONDS_TO_REFUSE - (case.now - job.started).total_seconds()


def _refused(retry: Retry) -> Note:
    return Note(Reason.CONFIGURATION_REFUSED, retry.message, stalled=True)
