"""The reasons that each condition may show, for the documentation; a test compares the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .condition import ConditionStatus
from .reasons import ConditionType, Reason

T, S, R = ConditionType, ConditionStatus, Reason

_WAITS: Final = (
    R.STORAGE_NOT_CONFIGURED,
    R.SPEC_NOT_UNDERSTOOD,
    R.INVALID_SPEC,
    R.LIMIT_EXCEEDED,
    R.SOURCE_NOT_FOUND,
    R.EARLIER_BATCH_NOT_ENDED,
    R.EARLIER_BATCH_NOT_FOUND,
)
_ENDS: Final = (R.RUNNER_NOT_ALLOWED, R.SOURCE_NOT_ALLOWED, R.NOTHING_TO_RETRY)
_COMPLETED: Final = (R.COMPLETED, R.COMPLETED_WITH_FAILURES, R.DRY_RUN_COMPLETED)
_FAILED: Final = (
    R.TOO_MANY_FAILED,
    R.INPUT_REFUSED,
    R.SOURCE_NOT_FOUND,
    R.SOURCES_UNREACHABLE,
    R.PLAN_FAILED,
    R.COLLECT_FAILED,
    R.RESULT_LOST,
    R.DEADLINE_EXCEEDED,
    R.LIMIT_EXCEEDED,
    R.INVALID_SPEC,
    R.EARLIER_BATCH_NOT_FOUND,
    *_ENDS,
)
_MUST_BE_MENDED: Final = (R.PODS_BLOCKED, R.CONFIGURATION_REFUSED, R.WAITING)

SHOWN: Final[Mapping[ConditionType, Mapping[ConditionStatus, tuple[Reason, ...]]]] = {
    T.ACCEPTED: {S.TRUE: (R.ACCEPTED,), S.FALSE: (*_WAITS, *_ENDS)},
    T.SUSPENDED: {
        S.TRUE: (R.SUSPENDED_BY_USER, R.AWAITING_CONFIRMATION),
        S.FALSE: (R.NOT_SUSPENDED,),
    },
    T.SUCCEEDED: {
        S.TRUE: _COMPLETED,
        S.FALSE: (*_FAILED, R.CANCELLED),
        S.UNKNOWN: (R.IN_PROGRESS,),
    },
    T.FINISHED: {S.TRUE: (*_COMPLETED, *_FAILED, R.CANCELLED), S.FALSE: (R.IN_PROGRESS,)},
    T.RECONCILING: {
        S.TRUE: (
            R.WAITING,
            R.QUEUED,
            R.PLANNING,
            R.COMPRESSING,
            R.COLLECTING,
            R.RETRYING,
            R.SUSPENDED_BY_USER,
            R.AWAITING_CONFIRMATION,
        ),
        S.FALSE: (R.FINISHED, *_MUST_BE_MENDED),
    },
    T.STALLED: {
        S.TRUE: (*_MUST_BE_MENDED, *_FAILED),
        S.FALSE: (R.NOT_STALLED, *_COMPLETED, R.CANCELLED),
    },
    T.WEBHOOK_DELIVERED: {
        S.TRUE: (R.DELIVERED,),
        S.FALSE: (
            R.PENDING_DELIVERY,
            R.RECEIVER_REFUSED,
            R.SECRET_NOT_FOUND,
            R.DELIVERY_FAILED,
            R.RECEIVER_GONE,
        ),
        S.UNKNOWN: (R.NOT_REQUESTED,),
    },
}
