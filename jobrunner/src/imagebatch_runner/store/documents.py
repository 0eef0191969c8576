"""The small JSON documents of a batch: ``plan.json`` and ``summary.json``.

Their field names are camelCase, as in the resource. The gateway reads the plan while a batch runs.
:mod:`imagebatch_core.indexes` has the documents that index large objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagebatch_core.counted import counted
from imagebatch_core.job import Estimate, RunnerMessage, Step, Totals
from imagebatch_core.model import Document
from imagebatch_core.plan import PlannedBatch
from imagebatch_core.source_columns import SourceColumns, TableChoice, table_choice
from imagebatch_core.spec import Output


class Reuse(Document):
    """The batch whose outputs may be reused: its uid, or a folder's path in local mode.

    ``images`` counts the images of this batch that have an output there. ``refusal`` says why no
    output may be reused.
    """

    batch: str
    images: int
    refusal: str | None = None

    def sentence(self, images: int) -> str:
        """Return a sentence for people about what can be reused.

        ``images`` is the number of all images of this batch.
        """
        if self.refusal is not None:
            return f"nothing is reused: {self.refusal}"
        return f"{self.images} of {images} images have an earlier output"


class Retried(Document):
    """The batch whose failed images are retried: its uid, the number of images that are retried,
    and the numbers of the shards that hold them.
    """

    batch: str
    images: int
    shards: tuple[int, ...]


class Plan(PlannedBatch):
    """``plan.json``. It is written after all shard files, so a batch that has one is planned."""

    #: Names of the user's own columns, in their order.
    extra_columns: tuple[str, ...]
    #: How the columns of the input were chosen: those of spec.source.
    columns: SourceColumns | None = None
    base_url: str | None = None
    output: Output
    #: The codec's name, from :mod:`imagebatch_runner.codec.revision`; ``None`` in older plans.
    codec: str | None = None
    #: Notices about the input that do not stop the batch; sentences for people.
    notices: tuple[str, ...] = ()
    reuse: Reuse | None = None
    retry: Retried | None = None
    #: Row and position of each image whose source is kept; both are 1-based. Older plans have none.
    sampled: tuple[tuple[int, int], ...] = ()
    estimate: Estimate | None = None

    @property
    def choice(self) -> TableChoice:
        """The choice with which the input is read."""
        return table_choice(self.columns, self.base_url)

    def message(self) -> RunnerMessage:
        return RunnerMessage(
            step=Step.PLAN,
            products=self.products,
            images=self.images,
            carried=self.carried,
            shards=len(self.shards_to_run),
            images_per_shard=self.images_per_shard,
            row_problems=self.row_problems,
            input_sha256=self.input_sha256,
            notices=self.notices,
            reuse=self.reuse_sentence,
            estimate=self.estimate,
        )

    @property
    def size_sentence(self) -> str:
        return counted(product=self.products, image=self.images, shard=self.shards)

    @property
    def shards_to_run(self) -> Sequence[int]:
        """The numbers of the shards that compress runs: all of them, but for a retry."""
        return range(self.shards) if self.retry is None else self.retry.shards

    @property
    def carried(self) -> int:
        """The number of images that keep their result of the retried batch."""
        return 0 if self.retry is None else self.images - self.retry.images

    @property
    def reuse_sentence(self) -> str | None:
        if self.retry is not None:
            return f"{self.retry.images} of {self.images} images are retried, the others stay"
        return None if self.reuse is None else self.reuse.sentence(self.images)


class Summary(Document):
    """``summary.json``. It is written last, so a batch that has one is collected."""

    products: int
    images: int
    shards: int
    row_problems: int
    input_sha256: str
    totals: Totals
    report_key: str
    report_sha256: str
    collected_at: datetime

    def message(self) -> RunnerMessage:
        return RunnerMessage(
            step=Step.COLLECT,
            products=self.products,
            images=self.images,
            shards=self.shards,
            row_problems=self.row_problems,
            input_sha256=self.input_sha256,
            totals=self.totals,
            report_key=self.report_key,
            report_sha256=self.report_sha256,
        )


def to_json(document: Document) -> bytes:
    return document.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode() + b"\n"
