"""The spec of an ImageBatch: what a user asks for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .formats import Format
from .model import Model, Name
from .runner_pods import Runner
from .source import DataKey, HttpUrl, Source


class ReuseFrom(Model):
    """An earlier batch of the same namespace. If it has the same output options, its outputs are
    reused for images whose source has not changed. This batch waits until the earlier one ends.
    """

    name: Name = Field(description="Name of the earlier ImageBatch.")


class Profile(StrEnum):
    FAST = "fast"
    SMALL = "small"


class Metadata(StrEnum):
    STRIP = "strip"
    KEEP = "keep"


Dimension = Annotated[int, Field(ge=1, le=65535)]


class Output(Model):
    """How each image is compressed."""

    format: Format = Field(
        Format.JPEG, description="Format of the outputs; `original` keeps the format of each image."
    )
    quality: Annotated[int, Field(ge=1, le=100)] = Field(
        50,
        description="Quality of lossy formats, from 1 to 100: a higher value looks better and "
        "takes more bytes. PNG is always lossless.",
    )
    profile: Profile = Field(
        Profile.FAST,
        description="`fast` compresses quickly; `small` takes more CPU time for "
        "fewer bytes of the same visual quality.",
    )
    max_width: Dimension | None = Field(
        None,
        description="Largest width of an output in pixels; wider images are scaled down. "
        "Images are never enlarged.",
    )
    max_height: Dimension | None = Field(
        None,
        description="Largest height of an output in pixels; higher images are scaled down. "
        "Images are never enlarged.",
    )
    metadata: Metadata = Field(
        Metadata.STRIP,
        description="`strip` removes metadata such as EXIF and GPS position, and preserves "
        "orientation and colours; `keep` keeps it.",
    )

    def differences(self, other: Output) -> dict[str, object]:
        """Return the options of ``other`` that differ: name in the resource → value there."""
        ours, theirs = self.model_dump(by_alias=True), other.model_dump(by_alias=True)
        return {name: theirs.get(name) for name in ours if ours[name] != theirs.get(name)}


class SecretRef(Model):
    """A Secret in the batch's namespace; ``key`` holds a whsec_… signing secret."""

    name: Name = Field(description="Name of the Secret.")
    key: DataKey = Field(
        "secret",
        description="Key in the Secret whose value is the signing secret: one or more "
        "lines whsec_….",
    )


class Webhook(Model):
    """The receiver of the event that the batch has ended. May be changed until the event is
    delivered.
    """

    url: HttpUrl = Field(
        description="URL, http or https, to which one signed event is sent by POST. A host that "
        "is not public must be allowed in the chart's egress.allow."
    )
    secret_ref: SecretRef | None = Field(
        None,
        description="Secret in the batch's namespace that signs the event, if the chart's "
        "webhook.secretRefs allows it. Not set: the release's own secret signs.",
    )


class SuspendAfter(StrEnum):
    PLAN = "Plan"


class DeletionPolicy(StrEnum):
    RETAIN = "Retain"
    DELETE = "Delete"


#: The fields of spec that may change after creation; all others are immutable.
MUTABLE_FIELDS = (
    "suspend",
    "suspendAfter",
    "cancel",
    "parallelism",
    "priority",
    "ttlSecondsAfterFinished",
    "webhook",
)


class ImageBatchSpec(Model):
    """Which images to compress, how, and where to report the end."""

    source: Source
    reuse_from: ReuseFrom | None = None
    output: Output = Output()
    images_per_shard: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="Number of images in a shard; a pod compresses one shard at a time. Not set: "
        "plan makes as few shards as keep `parallelism` pods busy, of 250 to 5,000 images each "
        "(one shard of up to 500 images), and status.shards.images shows the choice.",
    )
    parallelism: Annotated[int, Field(ge=1, le=1000)] = Field(
        4,
        description="Number of pods that compress at the same time. It can be changed while "
        "the batch runs.",
    )
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        0,
        description="Whose turn it is while the chart's limits.runningBatches holds batches: the "
        "highest first. May be changed any time; it stops no batch that runs. In a queue of "
        "Kueue's it is refused: Kueue has a label of its own.",
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        3, description="Number of further attempts for an image whose failure may be temporary."
    )
    max_failed_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        100,
        description="Largest share of failed images, in percent. If more images fail, the "
        "batch is Failed.",
    )
    suspend: bool = Field(
        False,
        description="Whether the batch is suspended. When set back to false, the batch continues "
        "where it stopped. It can be changed at any time.",
    )
    suspend_after: SuspendAfter | None = Field(
        None,
        description="`Plan` suspends the batch once its images are counted, before the first is "
        "fetched. Remove the field to continue. It has no effect on a batch that is past that "
        "point.",
    )
    cancel: bool = Field(False, description="Whether to cancel the batch. This cannot be undone.")
    dry_run: bool = Field(
        False,
        description="Whether to count and check the images only, and compress a sample of them to "
        "estimate time and bytes. Nothing of it is stored.",
    )
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = Field(
        None,
        description="Seconds after its start after which a batch that still runs is Failed. Time "
        "in which it is suspended or waits in a queue does not count.",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        None,
        description="Seconds after which an ended ImageBatch is deleted, counted from its end and "
        "the end of its webhook's delivery. The outputs stay in the bucket. Not set: the chart's "
        "retention.ttlSecondsAfterFinished counts, if it is set.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN,
        description="What happens to the batch's objects in the bucket when the ImageBatch is "
        "deleted. Retain: they stay. Delete: the sweeper removes them all, an hour or two later.",
    )
    webhook: Webhook | None = None
    runner: Runner | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!oldSelf.cancel || self.cancel",
                    "message": "cancel cannot be taken back",
                    "fieldPath": ".cancel",
                },
                {
                    "rule": "!has(self.source.retryOf) || !has(self.imagesPerShard)",
                    "message": "imagesPerShard is that of the batch of retryOf: leave it out",
                },
                {
                    "rule": "!has(self.source.retryOf) || !has(self.reuseFrom)",
                    "message": "a retry takes over the results of the batch of retryOf: leave out "
                    "reuseFrom",
                },
                {
                    "rule": "!self.dryRun || !has(self.suspendAfter)",
                    "message": "a dryRun ends once it is planned: leave out suspendAfter, which "
                    "holds a batch there",
                },
            ]
        }
    )
