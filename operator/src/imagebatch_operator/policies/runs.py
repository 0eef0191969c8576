"""The run number of each step's newest Job, which makes the Job's name."""

from __future__ import annotations

from imagebatch_core.job import Step
from imagebatch_core.status import Runs

from .observed import JobView, Observation


def find(seen: Observation, step: Step, chunk: int, run: int) -> JobView | None:
    """The Job of that run, if it is there."""
    return next((j for j in seen.jobs if (j.step, j.chunk, j.run) == (step, chunk, run)), None)


def with_run(runs: Runs, step: Step, chunk: int, run: int) -> Runs:
    """``chunk`` is at most one beyond the shard Jobs that were begun."""
    if step is not Step.COMPRESS:
        return runs.model_copy(update={step.value: run})
    shards = [*runs.shards[:chunk], run, *runs.shards[chunk + 1 :]]
    return runs.model_copy(update={"shards": shards})
