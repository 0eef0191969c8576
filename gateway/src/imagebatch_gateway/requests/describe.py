"""Builds the response to a status call. Pure functions, without I/O."""

from __future__ import annotations

from imagebatch_core.condition import Condition, ConditionStatus
from imagebatch_core.reasons import ConditionType, Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_core.results import saved_share
from imagebatch_core.status import Bytes, Images
from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.answers.models import RequestStatus, StatusAnswer
from imagebatch_gateway.answers.webhook_models import WebhookAnswer

from .expired import ExpiredBatch
from .output_urls import UrlPage
from .progress import Progress


def describe(
    batch: ImageBatch,
    page: UrlPage,
    progress: Progress | None,
    links: Links,
    note: str | None = None,
) -> StatusAnswer:
    """Return the status response for a batch.

    ``page`` holds the output URLs. ``progress`` has the counts of a running batch; it is ``None``
    if the batch has ended or its results could not be counted. ``note`` says what could not be
    read.
    """
    status = batch.status
    telling = telling_condition(batch)
    planned = progress.planned if progress and status.products is None else None
    sizes = status.bytes or done_bytes(progress)
    return StatusAnswer(
        request_id=batch.name,
        status=RequestStatus((status.phase or Phase.PENDING).value.lower()),
        output_image_urls=list(page.urls),
        output_image_urls_truncated=page.cursor is not None,
        next=links.status(batch.name, page.cursor) if page.cursor else None,
        products=planned.products if planned else status.products,
        row_problem_count=planned.row_problems if planned else status.row_problem_count,
        input_sha256=planned.input_sha256 if planned else status.input_sha256,
        images=done_images(status.images or Images(), progress),
        bytes=sizes,
        saved=status.saved or (sizes and saved_share(sizes.in_, sizes.out)),
        notices=status.notices,
        note=note,
        reuse=status.reuse.message if status.reuse else None,
        reason=telling.reason if telling else None,
        message=telling.message if telling else None,
        conditions=status.conditions,
        created_at=batch.creation_timestamp,
        started_at=status.start_time,
        completed_at=status.completion_time,
        duration=status.duration,
        status_url=links.status(batch.name),
        download_url=links.download(batch.name) if status.report else None,
        expired=isinstance(batch, ExpiredBatch),
        webhook=_webhook(batch),
    )


def telling_condition(batch: ImageBatch) -> Condition | None:
    """Return the condition that explains the batch's state best; ``None`` if there is none yet.

    Order: refused, ended, stalled, suspended, working.
    """
    status = batch.status
    accepted = status.condition(ConditionType.ACCEPTED)
    succeeded = status.condition(ConditionType.SUCCEEDED)
    candidates = (
        (accepted, ConditionStatus.FALSE),
        (succeeded, ConditionStatus.TRUE),
        (succeeded, ConditionStatus.FALSE),
        (status.condition(ConditionType.STALLED), ConditionStatus.TRUE),
        (status.condition(ConditionType.SUSPENDED), ConditionStatus.TRUE),
        (status.condition(ConditionType.RECONCILING), ConditionStatus.TRUE),
    )
    return next((c for c, wanted in candidates if c and c.status == wanted), None)


def done_images(images: Images, progress: Progress | None) -> Images:
    """Return the images that are done: those that ``progress`` counts, unless the operator, which
    has counted ``images``, knows of more."""
    if progress is None or progress.done < images.done:
        return images
    total = images.total or (progress.planned.images if progress.planned else 0)
    return Images.counted(progress.counts, total=total)


def done_bytes(progress: Progress | None) -> Bytes | None:
    """Return the sizes of the images that are done so far; ``None`` if there are none."""
    if progress is None or not progress.bytes_in:
        return None
    return Bytes.model_validate({"in": progress.bytes_in, "out": progress.bytes_out})


def _webhook(batch: ImageBatch) -> WebhookAnswer | None:
    if batch.spec.webhook is None or isinstance(batch, ExpiredBatch):
        return None
    outbox = batch.status.webhook
    if outbox is None:
        return WebhookAnswer()
    return WebhookAnswer(
        event_id=outbox.event_id,
        attempts=outbox.attempts,
        next_attempt_at=outbox.next_attempt_time,
        last_code=outbox.last_code,
        delivered_at=outbox.delivered_time,
        abandoned=outbox.abandoned,
    )
