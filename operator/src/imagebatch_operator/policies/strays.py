"""Unfinished Jobs of another run than the current one of their step: each of them goes.

So a run makes way for the next one, and so goes what is left when the operator ends between the
write of the status and the deletion.
"""

from __future__ import annotations

from .actions import DeleteJob
from .facts import Case
from .stages import Ended, Over, Stage


def delete_strays(case: Case, stage: Stage) -> tuple[DeleteJob, ...]:
    """A batch that has ended deletes all of its Jobs itself."""
    if isinstance(stage, Ended | Over):
        return ()
    return tuple(
        DeleteJob(job.name)
        for job in case.seen.jobs
        if not (job.finished or job.deleting or stage.facts.is_current(job))
    )
