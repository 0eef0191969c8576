"""A batch that its owner holds: what runs is suspended, or deleted where a queue owns it."""

from __future__ import annotations

from .actions import Action, DeleteJob, PatchJob
from .facts import Case
from .running_job import queued
from .stages import Next, Suspended


def suspended(case: Case) -> Suspended | None:
    """``spec.suspend`` is set. Resuming creates the next run of a Job that was deleted."""
    if not case.batch.spec.suspend:
        return None
    facts, actions = case.facts, list[Action]()
    for job in case.seen.jobs:
        if job.finished or job.deleting:
            continue
        if queued(case.batch):
            facts = facts.with_run(job.step, job.run + 1, job.chunk)
            actions.append(DeleteJob(job.name))
        elif not job.suspended:
            actions.append(PatchJob(job.name, suspend=True))
    return Suspended(facts, Next(tuple(actions)))
