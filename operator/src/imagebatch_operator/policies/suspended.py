"""The stage of a suspended batch: its Jobs are suspended, or deleted if a queue owns them."""

from __future__ import annotations

from .actions import Action, PatchJob
from .facts import Case
from .stages import Next, Suspended


def suspended(case: Case) -> Suspended | None:
    """Return the stage Suspended if ``spec.suspend`` is set.

    The queue owns a queued Job's ``suspend``. So its run is raised by one: the Job is deleted as a
    stray, and resuming creates the next run.
    """
    if not case.batch.spec.suspend:
        return None
    facts, actions = case.facts, list[Action]()
    for job in case.seen.jobs:
        if job.finished or job.deleting or not facts.is_current(job):
            continue
        if job.queue is not None:
            facts = facts.with_run(job.step, job.run + 1, job.chunk)
        elif not job.suspended:
            actions.append(PatchJob(job.name, suspend=True))
    return Suspended(facts, Next(tuple(actions), pauses=True))
