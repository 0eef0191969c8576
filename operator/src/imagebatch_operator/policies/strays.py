"""Delete unfinished Jobs that are not the current run of their step.

This removes a run that was replaced by the next one. It also removes a Job that was left because
the operator stopped between the write of the status and the deletion.
"""

from __future__ import annotations

from .actions import DeleteJob
from .facts import Case
from .stages import Ended, Over, Stage


def delete_strays(case: Case, stage: Stage) -> tuple[DeleteJob, ...]:
    """Return the deletions of stray Jobs. An ended batch gets none: its stage deletes all its
    Jobs."""
    if isinstance(stage, Ended | Over):
        return ()
    return tuple(
        DeleteJob(job.name)
        for job in case.seen.jobs
        if not (job.finished or job.deleting or stage.facts.is_current(job))
    )
