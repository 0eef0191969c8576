"""The spec of an ImageBatch: what a user asks for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .formats import Format
from .model import Model, Name
from .runner_pods import Runner

#: The most bytes of an inline source in UTF-8: every watcher receives the whole ImageBatch.
INLINE_LIMIT = 16 * 1024

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
#: Everybody who may read the batch sees its addresses, so they must not hold a password. Only the
#: API server checks that: a batch that an older CRD accepted stays readable.
HttpUrl = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=r"^https?://[^\s]+$",
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!self.matches('^https?://[^/?#]*@')",
                    "message": "an address must not hold a user or password; hosts that want one "
                    "get it from the Secret of runner.fetchCredentials (docs/runner.md)",
                }
            ]
        },
    ),
]


#: Excel allows 31 characters in the name of a sheet, other programs more.
SheetName = Annotated[str, Field(min_length=1, max_length=100)]


class S3Source(Model):
    """An object in the configured bucket."""

    key: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Key of the CSV in the configured bucket, without s3.prefix of the chart; it "
        "must start with <namespace>/uploads/ or a prefix that the chart grants the namespace."
    )


class ConfigMapSource(Model):
    """A key of a ConfigMap in the batch's namespace."""

    name: Name = Field(
        description="Name of the ConfigMap; one that does not exist yet is waited for."
    )
    key: DataKey = Field("products.csv", description="Its key that holds the CSV.")


class RetryOnly(StrEnum):
    FAILED = "failed"
    RETRYABLE = "retryable"


class RetryOfSource(Model):
    """The failed images of an earlier batch of the same namespace. Not supported yet: a batch that
    sets it is refused.
    """

    name: Name = Field(description="Name of the earlier ImageBatch.")
    only: RetryOnly = Field(
        RetryOnly.FAILED,
        description="failed: all of them; retryable: those whose failure may pass.",
    )


class Source(Model):
    """Where the CSV or .xlsx file comes from: exactly one of s3, configMap, inline and url."""

    s3: S3Source | None = None
    config_map: ConfigMapSource | None = None
    inline: Annotated[str, Field(min_length=1, max_length=INLINE_LIMIT)] | None = Field(
        None, description="The CSV itself, at most 16 KiB."
    )
    url: HttpUrl | None = Field(None, description="http(s) address of the CSV.")
    retry_of: RetryOfSource | None = None
    sheet: SheetName | None = Field(
        None,
        description="Name of the sheet of an .xlsx file; without it the first that is not hidden "
        "is read.",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "(has(self.s3) ? 1 : 0) + (has(self.configMap) ? 1 : 0) + "
                    "(has(self.inline) ? 1 : 0) + (has(self.url) ? 1 : 0) + "
                    "(has(self.retryOf) ? 1 : 0) == 1",
                    "message": "exactly one of s3, configMap, inline, url and retryOf must be set",
                },
                {
                    "rule": "!has(self.sheet) || has(self.s3) || has(self.configMap) || "
                    "has(self.url)",
                    "message": "sheet names a sheet of an .xlsx file, which no inline CSV is",
                },
            ]
        }
    )


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

    format: Format = Field(Format.JPEG, description="original keeps each image's own format.")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(
        50, description="Higher looks better and takes more bytes; PNG is lossless at any."
    )
    profile: Profile = Field(
        Profile.FAST, description="small: fewer bytes for the same look, for more CPU time."
    )
    max_width: Dimension | None = Field(
        None, description="Pixels; wider images are scaled down, never up."
    )
    max_height: Dimension | None = Field(
        None, description="Pixels; higher images are scaled down, never up."
    )
    metadata: Metadata = Field(
        Metadata.STRIP,
        description="strip removes EXIF, GPS and the like; orientation and colours stay right.",
    )

    def differences(self, other: Output) -> dict[str, object]:
        """Return the options of ``other`` that differ: name in the resource → value there."""
        ours, theirs = self.model_dump(by_alias=True), other.model_dump(by_alias=True)
        return {name: theirs.get(name) for name in ours if ours[name] != theirs.get(name)}


class SecretRef(Model):
    """A Secret in the batch's namespace; ``key`` holds a whsec_… signing secret."""

    name: Name = Field(description="Name of the Secret.")
    key: DataKey = Field(
        "secret", description="Its key that holds the secret: whsec_…, one or several lines."
    )


class Webhook(Model):
    """The receiver of the event that the batch has ended. May be changed until the event is
    delivered.
    """

    url: HttpUrl = Field(
        description="http(s) address that gets one signed POST. An address that is not public "
        "must be allowed by the chart's egress.allow."
    )
    secret_ref: SecretRef | None = Field(
        None,
        description="Signing secret of the batch's own namespace, where the chart allows it "
        "(webhook.secretRefs); without it the release's own is used.",
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
    "ttlSecondsAfterFinished",
    "deletionPolicy",
    "webhook",
)


class ImageBatchSpec(Model):
    """Which images to compress, how, and where to report the end."""

    source: Source
    reuse_from: ReuseFrom | None = None
    output: Output = Output()
    images_per_shard: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="Images that one pod compresses. Left out: plan chooses, by the number of "
        "images and parallelism; status.shards.images says what it chose.",
    )
    parallelism: Annotated[int, Field(ge=1, le=1000)] = Field(
        4, description="Pods that run at once; may be changed while the batch runs."
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        3, description="Further attempts for an image whose failure may pass."
    )
    max_failed_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        100, description="The batch is Failed when a larger share of its images failed."
    )
    suspend: bool = Field(
        False,
        description="Holds the batch; taken back it goes on where it was. May be changed any time.",
    )
    suspend_after: SuspendAfter | None = Field(
        None,
        description="Plan: holds the batch once its images are counted, before the first is "
        "fetched; removing the field goes on. It has no effect on a batch that is past that point.",
    )
    cancel: bool = Field(False, description="Ends the batch; cannot be taken back.")
    dry_run: bool = Field(False, description="Plan only: count and check, compress nothing.")
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = Field(
        None,
        description="Seconds after its start at which a batch that has not ended is Failed; those "
        "in which it is suspended or held by a queue do not count.",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        None,
        description="The ImageBatch is deleted that long after its end, its webhook included; the "
        "outputs stay in the bucket. Not set: it is kept.",
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN,
        description="Retain leaves everything in the bucket when the batch is deleted. Delete is "
        "not acted on yet: a batch that sets it is refused.",
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
                    "rule": "!self.dryRun || !has(self.suspendAfter)",
                    "message": "a dryRun ends once it is planned: leave out suspendAfter, which "
                    "holds a batch there",
                },
            ]
        }
    )
