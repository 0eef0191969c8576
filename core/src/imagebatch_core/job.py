"""The documents that the operator and the runner exchange.

The operator passes one JSON document in the pod's environment (:class:`RunnerJob`). The runner
returns an exit code (:class:`ExitCode`) and one JSON document as the termination message
(:class:`RunnerMessage`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field

from .ceilings import Ceilings
from .model import Document, Model
from .results import ImageStatus, saved_share
from .shortened import shortened
from .source import RetryOnly
from .source_columns import SourceColumns
from .spec import DeletionPolicy, Output
from .words import ReasonWord

#: Kubernetes keeps at most this many bytes of a termination message.
MESSAGE_LIMIT: Final = 4096
#: The bytes of an error and of a notice with which a message is tried, until one fits.
_LENGTHS: Final = ((2000, 500), (1000, 250), (500, 100), (250, 40), (150, 10))


class Step(StrEnum):
    PLAN = "plan"
    COMPRESS = "compress"
    COLLECT = "collect"


class ExitCode(IntEnum):
    """The exit codes of a step. ``DONE``: all results are recorded, including failed images."""

    DONE = 0
    FAULT = 1
    INPUT_REFUSED = 2
    CONFIGURATION_REFUSED = 3
    INTERRUPTED = 143


class JobSource(Model):
    """Where the input is: exactly one of an object's key, a mounted file's path, a URL, and
    ``retry``, which stands for the rows of the earlier batch and says which images are retried.

    ``sheet`` is the name of the sheet to read if the input is a workbook. ``columns`` and
    ``base_url`` are those of spec.source.
    """

    key: str | None = None
    path: str | None = None
    url: str | None = None
    retry: RetryOnly | None = None
    sheet: str | None = None
    columns: SourceColumns | None = None
    base_url: str | None = None


class Asked(Model):
    """Facts about a request that the operator passes to plan and collect for its history record.

    ``file_name``, ``display_name`` and ``created_by`` are from the annotations of the resource.
    ``webhook_url`` has no password and no query.
    """

    created_at: datetime
    file_name: str | None = None
    display_name: str | None = None
    created_by: str | None = None
    webhook_url: str | None = None
    parallelism: int | None = None


class RunnerJob(Model):
    """The job document of a batch. Only ``first_shard`` differs between its Jobs."""

    namespace: str
    name: str
    uid: str
    source: JobSource
    output: Output = Output()
    #: If not set, plan chooses it from the number of images and ``parallelism``, the number of pods
    #: that run at once. Only the plan Job gets ``parallelism``.
    images_per_shard: int | None = None
    parallelism: int = 1
    #: What the release allows, for plan.
    ceilings: Ceilings | None = None
    retries: int = 3
    dry_run: bool = False
    #: The plan pod ends after plan, also that of a batch of one shard.
    suspend_after_plan: bool = False
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    #: Uid of the earlier batch, of the same namespace: its failed images are retried if
    #: ``source.retry`` is set, otherwise its outputs are reused for unchanged sources.
    reuse_from: str | None = None
    #: Prefix of the batch's keys in the bucket; if not set, it consists of the store's prefix, the
    #: namespace and the uid. ``reuse_root`` is the prefix of the earlier batch.
    root: str | None = None
    reuse_root: str | None = None
    #: Why the batch ends before all images are done, for collect: images without a result are
    #: reported as not_processed with this message, otherwise as shard_failed.
    not_processed: str | None = None
    #: Whether collect waits until every image is recorded, and compress until the batch is planned.
    #: Without it collect reads what there is, and compress fails before the plan.
    wait: bool = False
    #: For plan: how many shards the batch will have, if their pods start while plan runs.
    expected_shards: int | None = None
    #: The condition reason of that end. Only collect gets it.
    ended_by: ReasonWord | None = None
    #: The batch is Failed if more than this share of its images failed.
    max_failed_percent: int = 100
    #: For the record of the request; only plan and collect get it.
    asked: Asked | None = None
    #: Shard number of completion index 0: a batch of over 10,000 shards has several Jobs.
    first_shard: int = 0
    #: The shards of a Job that runs some of them once more, as ``0-3,7``: completion index i is the
    #: i-th of them. ``first_shard`` does not count then.
    shards: str | None = None


class Totals(Document):
    """The images of a collected batch, counted by :class:`.ImageStatus`, and their sizes.

    ``bytes_in`` and ``bytes_out`` are the total bytes of the sources and of the outputs of all
    images that have an output.
    """

    succeeded: int = 0
    kept: int = 0
    reused: int = 0
    failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    @classmethod
    def of(cls, counts: Mapping[ImageStatus, int], bytes_in: int, bytes_out: int) -> Self:
        return cls(
            **{status.value: count for status, count in counts.items()},
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        )

    @property
    def counts(self) -> dict[ImageStatus, int]:
        return {status: getattr(self, status.value) for status in ImageStatus}

    @property
    def images(self) -> int:
        return sum(self.counts.values())

    @property
    def saved(self) -> str:
        """The share of bytes that compression saved, as ``61.3%``."""
        return saved_share(self.bytes_in, self.bytes_out)


class Estimate(Document):
    """What a batch will take, measured by fetching and compressing a sample of its images."""

    images: int = Field(description="Images that are expected to have an output.")
    bytes_in: int = Field(description="Expected total size of their sources in bytes.")
    bytes_out: int = Field(description="Expected total size of their outputs in bytes.")
    seconds: int = Field(description="Expected time for compressing, with spec.parallelism.")
    sampled: int = Field(description="Images of the sample.")
    failed: int = Field(description="Images of the sample that failed.")


#: A text that is cut to 500 bytes: it may quote the input, as the name of a sheet.
Sentence = Annotated[str, AfterValidator(lambda text: shortened(text, 500))]
Notices = Annotated[tuple[Sentence, ...], BeforeValidator(lambda notices: tuple(notices)[:8])]


class RunnerMessage(Document):
    """The termination message of plan and collect, at most 4 KiB of JSON.

    ``step`` is the last step that the pod did: the plan pod of a batch of one shard also collects
    it. ``error`` is a sentence for people, and ``reason`` is its condition reason.
    """

    step: Step
    error: Annotated[str, AfterValidator(lambda text: shortened(text, 2000))] | None = None
    reason: ReasonWord | None = None
    products: int = 0
    images: int = 0
    #: Images that keep their result of the batch that is retried.
    carried: int = 0
    #: Shards that compress runs; a retry leaves out those without an image to retry.
    shards: int = 0
    images_per_shard: int | None = None
    row_problems: int = 0
    input_sha256: str | None = None
    #: Notices of plan about the input: sentences for people that do not stop the batch.
    notices: Notices = ()
    #: A sentence for people about the batch whose outputs are reused.
    reuse: Sentence | None = None
    totals: Totals | None = None
    #: Only after a dry run, or where the batch is held after plan.
    estimate: Estimate | None = None
    report_key: str | None = None
    report_sha256: str | None = None

    def to_json(self) -> str:
        """Return the JSON in at most :data:`MESSAGE_LIMIT` bytes; texts are cut for that."""
        text = ""
        for error, notice in _LENGTHS:
            cut = self.model_copy(
                update={
                    "error": None if self.error is None else shortened(self.error, error),
                    "notices": tuple(shortened(one, notice) for one in self.notices),
                    "reuse": None if self.reuse is None else shortened(self.reuse, notice),
                }
            )
            text = cut.model_dump_json(by_alias=True, exclude_none=True)
            if len(text.encode()) <= MESSAGE_LIMIT:
                break
        return text
