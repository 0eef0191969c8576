"""The history of a namespace: one record for each batch, which stays when its resource is gone.

Plan writes the record, and collect completes it. A second object with the batch's name points to
it. The keys are those of :class:`imagebatch_core.keys.HistoryKeys`.
"""

from __future__ import annotations

from datetime import datetime

from .job import Asked, Totals
from .model import Document
from .reasons import Phase
from .spec import DeletionPolicy, Output
from .words import ReasonWord


class RecordedEnd(Document):
    """How a batch ended."""

    phase: Phase
    reason: ReasonWord
    message: str
    completed_at: datetime
    totals: Totals | None = None
    report_key: str | None = None
    report_sha256: str | None = None


class RequestRecord(Document):
    """The record of one batch; ``root`` is the prefix of its keys, ``end`` is set at its end."""

    namespace: str
    name: str
    uid: str
    root: str
    asked: Asked
    output: Output
    deletion_policy: DeletionPolicy
    products: int
    images: int
    shards: int
    row_problems: int
    input_sha256: str
    notices: tuple[str, ...] = ()
    reuse: str | None = None
    end: RecordedEnd | None = None


class RecordPointer(Document):
    """The object with the name of a batch: the key of its record."""

    key: str
