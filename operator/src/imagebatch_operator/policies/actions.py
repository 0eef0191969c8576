"""The actions that `decide` may return. The status is written before the first is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from imagebatch_core.job import Step
from imagebatch_core.status import ImageBatchStatus


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job of a run; ``shards`` is the number of completion indexes, for compress.

    ``numbers`` are the numbers of these shards if they are some of the chunk's, run once more.
    ``waits`` is for a Job that starts early: collect waits for the last images, compress for the
    plan.
    """

    step: Step
    run: int
    chunk: int = 0
    shards: int = 0
    numbers: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class PatchJob:
    """Change a Job; ``priority_class`` is its priority class in Kueue."""

    name: str
    suspend: bool | None = None
    parallelism: int | None = None
    priority_class: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job; with ``after_pods`` it stays, being deleted, until its pods are gone."""

    name: str
    after_pods: bool = False


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """Read how the newest ended pod of this Job ended, and decide again."""

    job: str


@dataclass(frozen=True, slots=True)
class ExplainBlocked:
    """Find out why no pod of this Job is ready, or why its queue holds it, and decide again."""

    job: str


@dataclass(frozen=True, slots=True)
class DeliverWebhook:
    """Make one attempt to deliver the webhook; its outcome goes into the status."""


@dataclass(frozen=True, slots=True)
class DeleteBatch:
    """Delete the batch, because its time to live is over."""


Action = (
    CreateJob | PatchJob | DeleteJob | ReadOutcome | ExplainBlocked | DeliverWebhook | DeleteBatch
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of one pass: the status to write, then the actions to carry out.

    ``requeue_after`` is the number of seconds after which time alone may change the decision.
    """

    status: ImageBatchStatus
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
