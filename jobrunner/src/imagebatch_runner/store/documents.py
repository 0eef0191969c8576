"""The small JSON documents of a batch: ``plan.json``, ``summary.json``, ``owner.json``, the index.

All camelCase, as the resource is. The gateway reads plan, summary and index; the sweeper reads
the owner.
"""

from __future__ import annotations

from datetime import datetime

from imagebatch_core.job import RunnerJob, RunnerMessage, Step, Totals
from imagebatch_core.model import Document
from imagebatch_core.spec import DeletionPolicy, Output


class Reuse(Document):
    """Which batch's outputs may be taken over: its uid, or a folder's path in local mode.

    ``images`` of this batch have an output there; ``refusal`` is why none may be taken.
    """

    batch: str
    images: int
    refusal: str | None = None

    def sentence(self, images: int) -> str:
        """For people; ``images`` are all of this batch."""
        if self.refusal is not None:
            return f"nothing is reused: {self.refusal}"
        return f"{self.images} of {images} images have an earlier output"


class Plan(Document):
    """``plan.json``, written when all shard files are: its presence means planned."""

    products: int
    images: int
    shards: int
    images_per_shard: int
    row_problems: int
    input_sha256: str
    #: Names of the user's own columns, in their order.
    extra_columns: tuple[str, ...]
    output: Output
    #: Of :mod:`imagebatch_runner.codec.revision`; plans older than the revisions have none.
    codec: str | None = None
    #: What was noticed in the input and stops nothing; sentences for people.
    notices: tuple[str, ...] = ()
    reuse: Reuse | None = None

    def message(self) -> RunnerMessage:
        return RunnerMessage(
            step=Step.PLAN,
            products=self.products,
            images=self.images,
            shards=self.shards,
            row_problems=self.row_problems,
            input_sha256=self.input_sha256,
            notices=self.notices,
            reuse=self.reuse_sentence,
        )

    @property
    def reuse_sentence(self) -> str | None:
        return None if self.reuse is None else self.reuse.sentence(self.images)


class Summary(Document):
    """``summary.json``, written last of all: its presence means collected."""

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


class Owner(Document):
    """``owner.json``: whose prefix this is, for the sweeper."""

    namespace: str
    name: str
    uid: str
    deletion_policy: DeletionPolicy

    @classmethod
    def of(cls, job: RunnerJob) -> Owner:
        return cls(
            namespace=job.namespace,
            name=job.name,
            uid=job.uid,
            deletion_policy=job.deletion_policy,
        )


class ReportIndex(Document):
    """``report.index.json``: where in the reports every ``every``-th row starts.

    Entry i of ``csv`` and ``jsonl`` is the byte offset of row ``i * every + 1`` (of its first
    image, in ``jsonl``).
    """

    every: int
    rows: int
    images: int
    csv: list[int]
    jsonl: list[int]


def to_json(document: Document) -> bytes:
    return document.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode() + b"\n"
