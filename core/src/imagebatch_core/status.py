"""The status of an ImageBatch, which the operator writes.

A newer operator may have written it, so it is read tolerantly: unknown fields are ignored, unknown
reasons and condition types are kept as text, and an unknown phase is derived from the conditions.
Only the CRD limits the lengths of lists and texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from .condition import MESSAGE_LENGTH, Condition, ConditionStatus
from .job import Estimate, Totals
from .model import Document
from .reasons import ConditionType, Phase, Reason
from .results import ImageStatus
from .webhook_status import WebhookStatus
from .words import PhaseWord, ReasonWord

#: The most batches of whose outputs a retry of a retry may consist, besides the earlier one.
LONGEST_RETRY_CHAIN: Final = 50


def _counted(status: ImageStatus) -> Any:
    return Field(None, description=f"{status.meaning} Counted at the end.")


class Images(Document):
    """The images of a batch, counted by how they ended."""

    total: int = Field(
        0, description="Number of images of the batch; 0 until the batch is planned."
    )
    done: int = Field(
        0,
        description="Number of images that have a result. While the batch runs, "
        "only finished shards count.",
    )
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
    in_: int = Field(0, alias="in", description="Total size of the sources in bytes.")
    out: int = Field(0, description="Total size of the outputs in bytes.")


class Shards(Document):
    """The shards of the batch; a pod compresses one shard at a time."""

    total: int = Field(0, description="Number of shards of the batch.")
    done: int = Field(0, description="Number of shards whose images all have results.")
    failed: int = Field(
        0,
        description="Number of shards that failed twice. Their images without a result "
        "are reported as shard_failed.",
    )
    failed_before: int | None = Field(
        None,
        description="Of `failed`, the shards of earlier Jobs, which are deleted once the next one "
        "exists: a Job has at most 10,000 shards.",
    )
    images: int | None = Field(
        None, description="Number of images in each shard; the last shard may have fewer."
    )


class Runs(Document):
    """The run number of each step's newest Job, written before the Job is created."""

    plan: int = Field(0, description="Run number of the plan Job.")
    shards: list[int] = Field(
        default_factory=list,
        description="Run numbers of the shard Jobs; a Job has at most 10,000 shards.",
        json_schema_extra={"maxItems": 1000},
    )
    collect: int = Field(0, description="Run number of the collect Job.")
    lost: int = Field(
        0, description="Number of Jobs of the present step whose result could not be read."
    )


class Report(Document):
    """The output CSV; the gateway serves it at /api/download/NAME."""

    key: str = Field(description="Key of the output CSV in the bucket.")
    sha256: str = Field(description="SHA-256 of the output CSV.")


class ReuseStatus(Document):
    """The earlier batch of reuseFrom or source.retryOf. It is recorded because that batch may be
    deleted.
    """

    uid: str = Field(description="uid of the earlier batch.")
    storage: str | None = Field(None, description="status.storage of the earlier batch.")
    message: str | None = Field(None, description="What plan found of the earlier batch.")
    images: int | None = Field(
        None, description="Images that keep the result of the batch of source.retryOf."
    )
    outputs: Annotated[list[str], Field(max_length=LONGEST_RETRY_CHAIN)] = Field(
        default_factory=list,
        description="For the retry of a retry: uids of the batches before the earlier one, as "
        "their storage has them. Its report names their outputs as well.",
    )


class Paused(Document):
    """Time that does not count towards activeDeadlineSeconds: suspended, or waiting in a queue."""

    since: datetime | None = Field(
        None,
        description="Time at which the present pause began; not set while the batch is not paused.",
    )
    seconds: int = Field(0, description="Total seconds of all earlier pauses.")


class Retry(Document):
    """Why the store or a setting refused the last run, and when the next one begins. The wait grows
    with each refusal.
    """

    refusals: int = Field(0, description="Number of consecutive runs that were refused.")
    next_time: datetime = Field(description="Time at which the next run may begin.")
    message: str = Field(
        "",
        description="Reason of the last refusal, as a sentence for people.",
        json_schema_extra={"maxLength": MESSAGE_LENGTH},
    )


class Ending(Document):
    """Why the batch ends before all its images are done. Its pods stop, and what they have recorded
    is collected into the report.
    """

    reason: ReasonWord = Field(description="Cancelled or DeadlineExceeded.")
    message: str = Field(
        "",
        description="The same in a sentence.",
        json_schema_extra={"maxLength": MESSAGE_LENGTH},
    )
    since: datetime = Field(description="When it was noticed.")


class ImageBatchStatus(Document):
    """What the operator knows about the batch: at most 32 KiB, whatever the batch's size."""

    observed_generation: int = Field(
        -1,
        description="Generation of the spec to which this status refers; -1 until the "
        "operator has seen the batch.",
    )
    phase: PhaseWord | None = Field(
        None, description="A summary of the conditions for people; programs read the conditions."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Conditions of the types Accepted, Suspended, Succeeded, Finished, "
        "Reconciling, Stalled and WebhookDelivered.",
        json_schema_extra={
            "maxItems": 16,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    products: int | None = Field(None, description="Number of rows of the input.")
    row_problem_count: int | None = Field(
        None,
        description="Number of rows without image URLs, and of entries that are not image URLs.",
    )
    notices: Annotated[list[str], Field(max_length=8)] = Field(
        default_factory=list,
        description="Remarks of plan on the input that need no action, such as its encoding not "
        "being UTF-8.",
    )
    input_sha256: str | None = Field(
        None,
        description="SHA-256 of the batch's input file, after unpacking it if it was a gzip file.",
    )
    images: Images | None = None
    bytes: Bytes | None = None
    saved: str | None = Field(None, description="Share of bytes saved, for example 61.3%.")
    estimate: Estimate | None = None
    shards: Shards | None = None
    runs: Runs | None = None
    report: Report | None = None
    storage: str | None = Field(
        None,
        description="Prefix of all keys of the batch in the bucket. It is recorded when the batch "
        "is accepted; a later change of the chart's s3.prefix does not change it.",
        json_schema_extra={"maxLength": 1024},
    )
    reuse: ReuseStatus | None = None
    queue_position: int | None = Field(
        None,
        description="Place among the batches that wait for their turn, from 1; above 100 rounded "
        "up. Counted again every 15 seconds to 5 minutes.",
    )
    start_time: datetime | None = Field(None, description="Time at which planning began.")
    paused: Paused | None = None
    retry: Retry | None = None
    ending: Ending | None = None
    completion_time: datetime | None = Field(None, description="Time at which the batch ended.")
    duration: str | None = Field(
        None, description="Time from startTime to completionTime, for example 4m12s."
    )
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

    def is_true(self, type_: ConditionType) -> bool:
        """Return whether the condition of a type is set and True."""
        found = self.condition(type_)
        return found is not None and found.status is ConditionStatus.TRUE


def _phase_by_conditions(conditions: Iterable[Any]) -> Phase:
    """Return the phase that the condition ``Succeeded`` implies; ``Pending`` without it.

    The status ``Unknown`` means that the batch runs.
    """
    for condition in conditions:
        if isinstance(condition, Mapping) and condition.get("type") == ConditionType.SUCCEEDED:
            if condition.get("status") == ConditionStatus.UNKNOWN:
                return Phase.PROCESSING
            if condition.get("reason") == Reason.CANCELLED:
                return Phase.CANCELLED
            succeeded = condition.get("status") == ConditionStatus.TRUE
            return Phase.COMPLETED if succeeded else Phase.FAILED
    return Phase.PENDING
