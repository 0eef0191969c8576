"""Write the record of a request, by which it is found after its resource is gone."""

from __future__ import annotations

from datetime import UTC, datetime

from imagebatch_core.history import RecordedEnd, RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.job import Asked, RunnerJob, Totals
from imagebatch_core.outcome import Outcome, outcome
from imagebatch_core.reasons import Phase, Reason
from imagebatch_runner.store.documents import Plan, Summary, to_json

from .batch import Batch


def record_plan(batch: Batch, plan: Plan) -> None:
    """Write the record of a batch that is planned. A dry run ends with that."""
    asked = batch.job.asked
    if asked is None:
        return
    end = None
    if batch.job.dry_run:
        end = RecordedEnd(
            phase=Phase.COMPLETED,
            reason=Reason.DRY_RUN_COMPLETED,
            message=plan.size_sentence,
            completed_at=datetime.now(UTC),
        )
    _write(batch, _record(batch, asked, plan, end))


def record_unreachable(batch: Batch, plan: Plan, message: str) -> None:
    """Write the record of a batch that fails because no host of its images answers."""
    asked = batch.job.asked
    if asked is not None:
        end = RecordedEnd(
            phase=Phase.FAILED,
            reason=Reason.SOURCES_UNREACHABLE,
            message=message,
            completed_at=datetime.now(UTC),
        )
        _write(batch, _record(batch, asked, plan, end))


def record_end(batch: Batch, plan: Plan, summary: Summary) -> None:
    """Complete the record of a batch whose report is stored."""
    asked = batch.job.asked
    if asked is None:
        return
    found = _outcome(batch.job, summary.totals)
    end = RecordedEnd(
        phase=found.phase,
        reason=found.reason,
        message=found.message,
        completed_at=summary.collected_at,
        totals=summary.totals,
        report_key=summary.report_key,
        report_sha256=summary.report_sha256,
    )
    record = _record(batch, asked, plan, end)
    batch.storage.put(
        _key(HistoryKeys(record.namespace, batch.keys.prefix), record), to_json(record)
    )


def _write(batch: Batch, record: RequestRecord) -> None:
    """Store a record, and the object that leads to it by the batch's name."""
    keys = HistoryKeys(record.namespace, batch.keys.prefix)
    key = _key(keys, record)
    batch.storage.put(key, to_json(record))
    batch.storage.put(keys.pointer(record.name), to_json(RecordPointer(key=key)))


def _key(keys: HistoryKeys, record: RequestRecord) -> str:
    return keys.record(int(record.asked.created_at.timestamp()), record.name)


def _record(batch: Batch, asked: Asked, plan: Plan, end: RecordedEnd | None) -> RequestRecord:
    job = batch.job
    return RequestRecord(
        namespace=job.namespace,
        name=job.name,
        uid=job.uid,
        root=batch.keys.root,
        asked=asked,
        output=job.output,
        deletion_policy=job.deletion_policy,
        products=plan.products,
        images=plan.images,
        shards=plan.shards,
        row_problems=plan.row_problems,
        input_sha256=plan.input_sha256,
        notices=plan.notices,
        reuse=plan.reuse_sentence,
        end=end,
    )


def _outcome(job: RunnerJob, totals: Totals) -> Outcome:
    """Return how the batch ends: early, as the operator says, or by its failed images."""
    if job.ended_by is None:
        return outcome(
            totals.images,
            failed=totals.failed,
            reused=totals.reused,
            max_failed_percent=job.max_failed_percent,
        )
    done = totals.images - totals.failed
    text = f"ended early; {done} of {totals.images} images are done, the report lists all"
    cancelled = job.ended_by == Reason.CANCELLED
    phase, reason = (
        (Phase.CANCELLED, Reason.CANCELLED)
        if cancelled
        else (Phase.FAILED, Reason.DEADLINE_EXCEEDED)
    )
    return Outcome(phase, reason, text)
