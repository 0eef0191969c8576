"""The status while one pass works on it, and the endings that set several fields together."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from imagebatch_core.job import RunnerMessage
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import (
    Bytes,
    ImageBatchStatus,
    Images,
    Report,
    Runs,
    Shards,
    WebhookStatus,
)

from .conditions import Conditions

T = ConditionType


class Draft:
    """Collects changes; :meth:`build` gives the status that shall be written."""

    def __init__(self, batch: ImageBatch, now: datetime) -> None:
        self.batch = batch
        self.now = now
        self._fields: dict[str, Any] = {}
        self._conditions = Conditions(batch.status.conditions, batch.generation, now)
        self.condition = self._conditions.set

    def set(self, **fields: Any) -> None:
        self._fields.update(fields)

    @property
    def current(self) -> ImageBatchStatus:
        return self.batch.status.model_copy(update=self._fields)

    @property
    def runs(self) -> Runs:
        return self.current.runs or Runs()

    def build(self) -> ImageBatchStatus:
        return self.current.model_copy(
            update={
                "conditions": self._conditions.list(),
                "observed_generation": self.batch.generation,
            }
        )

    def working(self, phase: Phase, reason: Reason, message: str) -> None:
        """Not at its end yet: what it is doing."""
        self.set(phase=phase)
        if self.current.start_time is None and phase is Phase.PROCESSING:
            self.set(start_time=self.now)
        self.condition(T.RECONCILING, True, reason, message)
        self.condition(T.STALLED, False, Reason.NOT_STALLED)
        self.condition(T.SUCCEEDED, None, Reason.IN_PROGRESS)
        suspended = phase is Phase.SUSPENDED
        self.condition(
            T.SUSPENDED,
            suspended,
            Reason.SUSPENDED_BY_USER if suspended else Reason.NOT_SUSPENDED,
        )

    def planned(self, message: RunnerMessage) -> None:
        self.set(
            products=message.products,
            images=Images(total=message.images),
            shards=Shards(total=message.shards),
            runs=self.runs.model_copy(update={"lost": 0}),
        )
        reuse = self.current.reuse
        if reuse is not None:
            self.set(reuse=reuse.model_copy(update={"message": message.reuse}))

    def collected(self, message: RunnerMessage) -> None:
        """The report's totals; ends the batch as Completed or, with too many failures, Failed."""
        totals = message.totals
        if totals is None:
            raise ValueError("a collect message without totals")
        self.set(
            images=Images(
                total=totals.images,
                done=totals.images,
                succeeded=totals.succeeded,
                kept=totals.kept,
                reused=totals.reused,
                failed=totals.failed,
            ),
            bytes=Bytes.model_validate({"in": totals.bytes_in, "out": totals.bytes_out}),
            saved=saved_share(totals.bytes_in, totals.bytes_out),
        )
        shards = self.current.shards
        if shards is not None:
            # A batch of one shard is collected by its plan pod: no Job ever counted that shard.
            self.set(shards=shards.model_copy(update={"done": shards.total - shards.failed}))
        if message.report_key and message.report_sha256:
            self.set(report=Report(key=message.report_key, sha256=message.report_sha256))
        limit = self.batch.spec.max_failed_percent
        text = f"{totals.failed} of {totals.images} images failed"
        if totals.failed * 100 > limit * totals.images:
            self.ended(Phase.FAILED, Reason.TOO_MANY_FAILED, f"{text}; maxFailedPercent is {limit}")
        elif totals.failed:
            self.ended(Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES, text)
        else:
            reused = f", {totals.reused} of them reused" if totals.reused else ""
            text = f"all {totals.images} images are done{reused}"
            self.ended(Phase.COMPLETED, Reason.COMPLETED, text)

    def ended(self, phase: Phase, reason: Reason, message: str) -> None:
        """Its end, for good; a webhook is recorded in the same write, before it is ever sent."""
        start = self.current.start_time or self.batch.creation_timestamp
        self.set(
            phase=phase,
            completion_time=self.now,
            duration=human_duration((self.now - start).total_seconds()),
        )
        self.condition(T.SUCCEEDED, phase is Phase.COMPLETED, reason, message)
        self.condition(T.SUSPENDED, False, Reason.NOT_SUSPENDED)
        self.condition(T.RECONCILING, False, Reason.FINISHED, message)
        # kstatus: Stalled is how Flux learns that waiting longer is of no use.
        self.condition(T.STALLED, phase is Phase.FAILED, reason, message)
        if self.batch.spec.webhook is None:
            self.condition(T.WEBHOOK_DELIVERED, None, Reason.NOT_REQUESTED)
            return
        event = sha256(f"{self.batch.uid}/{phase}".encode()).hexdigest()[:32]
        self.set(webhook=WebhookStatus(event_id=f"evt_{event}", next_attempt_time=self.now))
        self.condition(T.WEBHOOK_DELIVERED, False, Reason.PENDING_DELIVERY)


def saved_share(bytes_in: int, bytes_out: int) -> str:
    """For the column, as ``61.3%``; nothing fetched saves nothing."""
    return f"{100 * (bytes_in - bytes_out) / bytes_in:.1f}%" if bytes_in else "0.0%"


def human_duration(seconds: float) -> str:
    """As kubectl writes an age: ``42s``, ``7m12s``, ``3h5m``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60}s"
    return f"{total // 3600}h{total % 3600 // 60}m"
