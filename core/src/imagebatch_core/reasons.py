"""Every phase, condition type and condition reason, defined once.

Status, events, documentation and tests use these spellings only.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A summary of the conditions for people; programs read the conditions."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def finished(self) -> bool:
        return self in (Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)


class ConditionType(StrEnum):
    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FINISHED = "Finished"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    WEBHOOK_DELIVERED = "WebhookDelivered"


class Reason(StrEnum):
    # Accepted
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    SPEC_NOT_UNDERSTOOD = "SpecNotUnderstood"
    STORAGE_NOT_CONFIGURED = "StorageNotConfigured"
    RUNNER_NOT_ALLOWED = "RunnerNotAllowed"
    LIMIT_EXCEEDED = "LimitExceeded"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_NOT_ALLOWED = "SourceNotAllowed"
    EARLIER_BATCH_NOT_FOUND = "EarlierBatchNotFound"
    EARLIER_BATCH_NOT_ENDED = "EarlierBatchNotEnded"
    NOTHING_TO_RETRY = "NothingToRetry"
    # Suspended
    SUSPENDED_BY_USER = "SuspendedByUser"
    AWAITING_CONFIRMATION = "AwaitingConfirmation"
    NOT_SUSPENDED = "NotSuspended"
    # Succeeded (status False while failed, Unknown while running) and Finished
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"
    DRY_RUN_COMPLETED = "DryRunCompleted"
    TOO_MANY_FAILED = "TooManyFailed"
    INPUT_REFUSED = "InputRefused"
    SOURCES_UNREACHABLE = "SourcesUnreachable"
    CONFIGURATION_REFUSED = "ConfigurationRefused"
    PLAN_FAILED = "PlanFailed"
    COLLECT_FAILED = "CollectFailed"
    RESULT_LOST = "ResultLost"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    CANCELLED = "Cancelled"
    # Reconciling
    PLANNING = "Planning"
    COMPRESSING = "Compressing"
    COLLECTING = "Collecting"
    PODS_BLOCKED = "PodsBlocked"
    RETRYING = "Retrying"
    WAITING = "Waiting"
    QUEUED = "Queued"
    FINISHED = "Finished"
    # Stalled
    NOT_STALLED = "NotStalled"
    # WebhookDelivered
    NOT_REQUESTED = "NotRequested"
    PENDING_DELIVERY = "PendingDelivery"
    DELIVERED = "Delivered"
    DELIVERY_FAILED = "DeliveryFailed"
    RECEIVER_GONE = "ReceiverGone"
    RECEIVER_REFUSED = "ReceiverAddressRefused"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, not a secret
