"""A batch that its owner holds: what runs is suspended, or deleted where a queue owns it."""

from __future__ import annotations

from .actions import Action, PatchJob
from .facts import Case
from .stages import Next, Suspended


def suspended(case: Case) -> Suspended | None:
    """``spec.suspend`` is set.

    A Job in a queue makes way for its next run, which resuming creates: the old one is deleted as
    every other that is not current.
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
