"""Turns the record of a request whose resource is gone into a batch, so that it can be read."""

from __future__ import annotations

from typing import Any

from imagebatch_core import names
from imagebatch_core.condition import Condition, ConditionStatus
from imagebatch_core.history import RequestRecord
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.source import S3Source, Source
from imagebatch_core.spec import ImageBatchSpec, Webhook
from imagebatch_core.status import Bytes, ImageBatchStatus, Images, Report, Shards


class ExpiredBatch(ImageBatch):
    """A batch whose resource is gone, as the history knows it."""


def expired_batch(record: RequestRecord) -> ExpiredBatch:
    """Return the batch of a record.

    A batch that had no report when its resource was deleted is Cancelled.
    """
    asked = record.asked
    annotations = {
        names.ANNOTATION_FILE_NAME: asked.file_name,
        names.ANNOTATION_DISPLAY_NAME: asked.display_name,
        names.ANNOTATION_CREATED_BY: asked.created_by,
    }
    options: dict[str, Any] = {"output": record.output}
    if asked.parallelism is not None:
        options["parallelism"] = asked.parallelism
    if asked.webhook_url is not None:
        options["webhook"] = Webhook(url=asked.webhook_url)
    return ExpiredBatch(
        namespace=record.namespace,
        name=record.name,
        uid=record.uid,
        creation_timestamp=asked.created_at,
        annotations={key: text for key, text in annotations.items() if text},
        # The source itself is not recorded; plan's copy of it stands for it.
        spec=ImageBatchSpec(source=Source(s3=S3Source(key=f"{record.root}input.csv")), **options),
        status=_status(record),
    )


def _status(record: RequestRecord) -> ImageBatchStatus:
    end = record.end
    totals = end.totals if end else None
    report = None
    if end is not None and end.report_key and end.report_sha256:
        report = Report(key=end.report_key, sha256=end.report_sha256)
    return ImageBatchStatus(
        phase=end.phase if end else Phase.CANCELLED,
        conditions=[_succeeded(record)],
        products=record.products,
        row_problem_count=record.row_problems,
        notices=list(record.notices),
        input_sha256=record.input_sha256,
        images=Images.of(totals) if totals else Images(total=record.images),
        bytes=totals and Bytes.model_validate({"in": totals.bytes_in, "out": totals.bytes_out}),
        saved=totals and totals.saved,
        shards=Shards(total=record.shards),
        report=report,
        storage=record.root,
        completion_time=end.completed_at if end else None,
    )


def _succeeded(record: RequestRecord) -> Condition:
    end = record.end
    completed = end is not None and end.phase is Phase.COMPLETED
    return Condition(
        type=ConditionType.SUCCEEDED,
        status=ConditionStatus.TRUE if completed else ConditionStatus.FALSE,
        reason=end.reason if end else Reason.CANCELLED,
        message=end.message if end else "its ImageBatch was deleted before it ended",
        last_transition_time=end.completed_at if end else record.asked.created_at,
    )
