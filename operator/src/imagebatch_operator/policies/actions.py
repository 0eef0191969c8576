"""What `decide` may ask of the shell. The status is written before any of them is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from imagebatch_core.job import Step
from imagebatch_core.status import ImageBatchStatus


@dataclass(frozen=True, slots=True)
class CreateJob:
    """``shards`` is the number of completion indexes, for the compress step."""

    step: Step
    run: int
    chunk: int = 0
    shards: int = 0


@dataclass(frozen=True, slots=True)
class PatchJob:
    name: str
    suspend: bool | None = None
    parallelism: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteJob:
    name: str


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """Read one pod of this Job, and decide again."""

    job: str


@dataclass(frozen=True, slots=True)
class ExplainBlocked:
    """Find out why no pod of this Job gets ready, and decide again."""

    job: str


@dataclass(frozen=True, slots=True)
class DeliverWebhook:
    """One attempt; its outcome goes into the status."""


@dataclass(frozen=True, slots=True)
class DeleteBatch:
    """The batch's time to live is over."""


Action = (
    CreateJob | PatchJob | DeleteJob | ReadOutcome | ExplainBlocked | DeliverWebhook | DeleteBatch
)


@dataclass(frozen=True, slots=True)
class Decision:
    """``requeue_after`` seconds from now, where time itself will change the answer."""

    status: ImageBatchStatus
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
