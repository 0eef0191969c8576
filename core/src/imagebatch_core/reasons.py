"""Every phase, condition type and condition reason, defined once.

Status, events, documentation and tests use these spellings only. ``docs/reference/resource.md`` has
the meanings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A word of the status. ``meaning`` is a sentence for the documentation."""

    meaning: str
    _value_: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Phase(Word):
    """A summary of the conditions for people; programs read the conditions."""

    PENDING = "Pending", "It waits: for the operator, its source, an earlier batch or its turn."
    PROCESSING = "Processing", "It is planned, its images are compressed, or the report is written."
    SUSPENDED = "Suspended", "It is held by `suspend`, or by `suspendAfter` until it is confirmed."
    COMPLETED = "Completed", "It has ended; some images may have failed."
    FAILED = "Failed", "It has ended without the result that was asked for."
    CANCELLED = "Cancelled", "It was ended by `cancel`."

    @property
    def finished(self) -> bool:
        return self in (Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)


class ConditionType(Word):
    ACCEPTED = "Accepted", "Whether the batch can be worked on at all."
    SUSPENDED = "Suspended", "Whether the batch is held by a field of its spec."
    SUCCEEDED = "Succeeded", "Whether the batch has completed; Unknown before its end."
    FINISHED = "Finished", "Whether the batch has ended, however it ended."
    RECONCILING = (
        "Reconciling",
        "Whether the batch goes on, or waits for what comes by itself. Never True with Stalled.",
    )
    STALLED = "Stalled", "Whether the batch has failed, or waits until somebody acts."
    WEBHOOK_DELIVERED = (
        "WebhookDelivered",
        "Whether the receiver took the event; Unknown if the batch has no webhook.",
    )


class Reason(Word):
    # Accepted
    ACCEPTED = "Accepted", "Nothing is against it."
    INVALID_SPEC = (
        "InvalidSpec",
        "The batch would wait for itself, or it has a priority in a queue of Kueue's.",
    )
    SPEC_NOT_UNDERSTOOD = (
        "SpecNotUnderstood",
        "The spec has a field or a value that this operator does not know: the CRD is newer.",
    )
    STORAGE_NOT_CONFIGURED = (
        "StorageNotConfigured",
        "The namespace has not what the chart makes for the runner, or no Role for the operator.",
    )
    RUNNER_NOT_ALLOWED = (
        "RunnerNotAllowed",
        "`spec.runner` sets something that `runner.overrides` of the chart does not allow.",
    )
    LIMIT_EXCEEDED = (
        "LimitExceeded",
        "The batch asks for more than `limits` of the chart allow, or has too many images.",
    )
    SOURCE_NOT_FOUND = (
        "SourceNotFound",
        "There is no such ConfigMap or key of it, which is waited for; or no file at the source.",
    )
    SOURCE_NOT_ALLOWED = (
        "SourceNotAllowed",
        "The S3 key is outside of the prefixes that this namespace may read.",
    )
    EARLIER_BATCH_NOT_FOUND = (
        "EarlierBatchNotFound",
        "The batch of `reuseFrom` or `retryOf` does not exist. It is waited for, for a minute.",
    )
    EARLIER_BATCH_NOT_ENDED = (
        "EarlierBatchNotEnded",
        "The batch of `reuseFrom` or `retryOf` has not ended: it is waited for.",
    )
    NOTHING_TO_RETRY = (
        "NothingToRetry",
        "The batch of `retryOf` ended before it was planned, or none of its images can be retried.",
    )
    # Suspended
    SUSPENDED_BY_USER = "SuspendedByUser", "`suspend` is true."
    AWAITING_CONFIRMATION = (
        "AwaitingConfirmation",
        "The images are counted; the batch goes on once `suspendAfter` is removed.",
    )
    NOT_SUSPENDED = "NotSuspended", "No field holds it."
    # Succeeded (status False while failed, Unknown while running) and Finished
    IN_PROGRESS = "InProgress", "The batch has not ended."
    COMPLETED = "Completed", "Every image has an output."
    COMPLETED_WITH_FAILURES = (
        "CompletedWithFailures",
        "Some images failed, no more than `maxFailedPercent` allows.",
    )
    DRY_RUN_COMPLETED = "DryRunCompleted", "The images are counted, as `dryRun` asks."
    TOO_MANY_FAILED = "TooManyFailed", "More images failed than `maxFailedPercent` allows."
    INPUT_REFUSED = "InputRefused", "The input is not a CSV or workbook that can be read."
    SOURCES_UNREACHABLE = "SourcesUnreachable", "No image host responds."
    CONFIGURATION_REFUSED = (
        "ConfigurationRefused",
        "A pod found the store or a setting unusable; it is tried again until somebody mends it.",
    )
    PLAN_FAILED = "PlanFailed", "The plan Job failed for another reason."
    COLLECT_FAILED = "CollectFailed", "The collect Job failed for another reason."
    RESULT_LOST = "ResultLost", "The result of a Job could not be read, three times."
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "`activeDeadlineSeconds` passed before the end; the report has what was done.",
    )
    CANCELLED = "Cancelled", "`cancel` is true; the report has what was done."
    # Reconciling
    PLANNING = "Planning", "The input is read and split into shards."
    COMPRESSING = "Compressing", "Images are fetched and compressed."
    COLLECTING = "Collecting", "The report is written."
    PODS_BLOCKED = (
        "PodsBlocked",
        "No pod gets ready (image, Secret, quota, placement), or the API server refuses a Job.",
    )
    RETRYING = "Retrying", "A pod failed and is tried again."
    WAITING = "Waiting", "The batch is not accepted; `Accepted` says why."
    QUEUED = (
        "Queued",
        "The batch waits for its turn by `limits.runningBatches`, or a queue of Kueue's holds it.",
    )
    FINISHED = "Finished", "The batch has ended."
    # Stalled
    NOT_STALLED = "NotStalled", "Nobody has to act."
    # WebhookDelivered
    NOT_REQUESTED = "NotRequested", "The batch has no webhook."
    PENDING_DELIVERY = "PendingDelivery", "The event was not sent yet, or is sent again."
    DELIVERED = "Delivered", "The receiver answered with a 2xx code."
    DELIVERY_FAILED = "DeliveryFailed", "Every attempt failed: the event is given up."
    RECEIVER_GONE = "ReceiverGone", "The receiver answered with 410: the event is given up."
    RECEIVER_REFUSED = (
        "ReceiverAddressRefused",
        "The receiver's address is not public and not allowed by `egress.allow`.",
    )
    SECRET_NOT_FOUND = (
        "SecretNotFound",
        "The signing secret does not exist, may not be read or holds no key.",
    )
