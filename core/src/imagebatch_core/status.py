"""The status of an ImageBatch, which the operator writes.

A newer operator may have written it, so it is read tolerantly: unknown fields are ignored, unknown
reasons and condition types are kept as text, and an unknown phase is derived from the conditions.
Only the CRD limits the lengths of lists and texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from .job import Totals
from .model import Document
from .reasons import ConditionType, Phase
from .results import ImageStatus
from .words import ConditionTypeWord, PhaseWord, ReasonWord

#: The most characters of a condition's message.
MESSAGE_LENGTH: Final = 1024


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Document):
    """A condition, as ``metav1.Condition`` defines it."""

    # The list is written as a whole, so fields that a newer operator added must be kept.
    model_config = ConfigDict(extra="allow")

    type: ConditionTypeWord = Field(description="What the condition tells of.")
    status: ConditionStatus = Field(description="Whether it holds.")
    reason: ReasonWord = Field(description="Why, in one word for programs.")
    message: str = Field(
        "",
        description="Why, in a sentence for people.",
        json_schema_extra={"maxLength": MESSAGE_LENGTH},
    )
    observed_generation: int = Field(0, description="Generation of the spec that it was made of.")
    last_transition_time: datetime = Field(description="Since when the status is this one.")


def _counted(status: ImageStatus) -> Any:
    return Field(None, description=f"{status.meaning} Counted at the end.")


class Images(Document):
    """The images of a batch, counted by how they ended."""

    total: int = Field(0, description="All of the batch; known once it is planned.")
    done: int = Field(0, description="While running: from finished shards, so at shard precision.")
    succeeded: int | None = _counted(ImageStatus.SUCCEEDED)
    kept: int | None = _counted(ImageStatus.KEPT)
    reused: int | None = _counted(ImageStatus.REUSED)
    failed: int | None = _counted(ImageStatus.FAILED)

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """Return the images of a collected batch."""
        return cls.counted(totals.counts, total=totals.images)

    @classmethod
    def counted(cls, counts: Mapping[ImageStatus, int], *, total: int) -> Self:
        """Return the images by the ``counts`` of their results; ``total`` is 0 if not known."""
        done = sum(counts.values())
        by_name = {status.value: counts.get(status, 0) for status in ImageStatus}
        return cls(total=total, done=min(done, total) if total else done, **by_name)


class Bytes(Document):
    """Total sizes in bytes of all images that did not fail."""

    model_config = ConfigDict(
        alias_generator=None, json_schema_extra={}, extra="ignore", frozen=True
    )
    in_: int = Field(0, alias="in", description="Of the sources.")
    out: int = Field(0, description="Of the outputs.")


class Shards(Document):
    """The shards of the batch; a pod compresses one shard at a time."""

    total: int = Field(0, description="All of the batch.")
    done: int = Field(0, description="Compressed to their end.")
    failed: int = Field(0, description="Given up; their images are reported as shard_failed.")
    images: int | None = Field(
        None, description="Images in each shard; the last shard may have fewer."
    )


class Runs(Document):
    """The run number of each step's newest Job, written before the Job is created."""

    plan: int = Field(0, description="Of plan.")
    shards: list[int] = Field(
        default_factory=list,
        description="One entry for each Job of at most 10,000 shards.",
        json_schema_extra={"maxItems": 1000},
    )
    collect: int = Field(0, description="Of collect.")
    lost: int = Field(0, description="Results of the present step that could not be read.")


class Report(Document):
    """The output CSV; the gateway serves it at /api/download/NAME."""

    key: str = Field(description="Its key in the bucket.")
    sha256: str = Field(description="Hash of its content.")


class ReuseStatus(Document):
    """The batch whose outputs are reused. It is recorded because that batch may be deleted."""

    uid: str = Field(description="Its uid.")
    storage: str | None = Field(None, description="Its status.storage.")
    message: str | None = Field(None, description="What plan found there.")


class Paused(Document):
    """Time that does not count towards activeDeadlineSeconds: suspended, or held by a queue."""

    since: datetime | None = Field(None, description="Since when; none: it is not paused.")
    seconds: int = Field(0, description="Of the pauses before.")


class Retry(Document):
    """Why the store or a setting refused the last run, and when the next one begins. The wait grows
    with each refusal.
    """

    refusals: int = Field(0, description="Runs refused one after another.")
    next_time: datetime = Field(description="When the next run may begin.")
    message: str = Field(
        "",
        description="What was refused.",
        json_schema_extra={"maxLength": MESSAGE_LENGTH},
    )


class WebhookStatus(Document):
    """The event to deliver, and its attempts. It is recorded before the first attempt: after a
    crash an attempt may be repeated, but the event is not lost.
    """

    event_id: str = Field(description="The webhook-id of every attempt.")
    attempts: int = Field(0, description="Attempts made so far.")
    next_attempt_time: datetime | None = Field(None, description="When it is tried again.")
    last_attempt_time: datetime | None = Field(None, description="When it was tried last.")
    last_code: int | None = Field(
        None, description="HTTP status of the last answer; none: no answer came."
    )
    delivered_time: datetime | None = Field(None, description="When the receiver took it.")
    abandoned: bool = Field(False, description="No further attempt is made.")
    target: str | None = Field(
        None, description="SHA-256 of the spec.webhook that the last attempt followed."
    )


class ImageBatchStatus(Document):
    """What the operator knows about the batch: at most 32 KiB, whatever the batch's size."""

    observed_generation: int = Field(
        -1, description="Generation of the spec that this status was made of; -1: of none yet."
    )
    phase: PhaseWord | None = Field(
        None, description="A summary of the conditions for people; programs read the conditions."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Accepted, Suspended, Succeeded, Finished, Reconciling, Stalled and "
        "WebhookDelivered.",
        json_schema_extra={
            "maxItems": 16,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    products: int | None = Field(None, description="Rows of the CSV.")
    row_problem_count: int | None = Field(
        None, description="Rows without images, and entries that are no address of one."
    )
    notices: Annotated[list[str], Field(max_length=8)] = Field(
        default_factory=list,
        description="What plan noticed in the input and stops nothing, as that it is no UTF-8.",
    )
    input_sha256: str | None = Field(
        None, description="Hash of the CSV that the batch works on, unpacked if it was gzip."
    )
    images: Images | None = None
    bytes: Bytes | None = None
    saved: str | None = Field(None, description="Share of bytes saved, for the column, as 61.3%.")
    shards: Shards | None = None
    runs: Runs | None = None
    report: Report | None = None
    storage: str | None = Field(
        None,
        description="Prefix of all keys of the batch in the bucket. It is recorded when the batch "
        "is accepted and counts from then on, whatever s3.prefix of the chart is later.",
        json_schema_extra={"maxLength": 1024},
    )
    reuse: ReuseStatus | None = None
    start_time: datetime | None = Field(None, description="When planning began.")
    paused: Paused | None = None
    retry: Retry | None = None
    completion_time: datetime | None = Field(None, description="When the batch ended.")
    duration: str | None = Field(None, description="From the one to the other, as 4m12s.")
    webhook: WebhookStatus | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_phase(cls, data: Any) -> Any:
        """Replace a newer operator's phase by one that this release knows."""
        if not isinstance(data, Mapping) or data.get("phase") in {None, *Phase}:
            return data
        return {**data, "phase": _phase_by_conditions(data.get("conditions") or ())}

    def condition(self, type_: ConditionType) -> Condition | None:
        """Return the condition of a type, if it is set."""
        return next((c for c in self.conditions if c.type == type_), None)


def _phase_by_conditions(conditions: Iterable[Any]) -> Phase:
    """The phase that the condition ``Succeeded`` implies: Unknown means that the batch runs."""
    for condition in conditions:
        if isinstance(condition, Mapping) and condition.get("type") == ConditionType.SUCCEEDED:
            if condition.get("status") == ConditionStatus.UNKNOWN:
                return Phase.PROCESSING
            succeeded = condition.get("status") == ConditionStatus.TRUE
            return Phase.COMPLETED if succeeded else Phase.FAILED
    return Phase.PENDING
