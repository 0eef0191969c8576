from __future__ import annotations

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.retry import RetryPolicy

POLICY = RetryPolicy(retries=3, base=1.0, longest=60.0)


def half() -> float:
    return 0.5


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_what_may_pass_is_tried_again(code: ErrorCode) -> None:
    wait = POLICY.wait(ImageFailed(code, ""), 1, half)
    assert (wait is not None) == code.retryable


def test_waits_double_and_are_bounded() -> None:
    policy = RetryPolicy(retries=10, base=1.0, longest=60.0)
    failure = ImageFailed(ErrorCode.TIMEOUT, "")
    waits = [policy.wait(failure, attempt, lambda: 1.0) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_wait_does_not_overflow_however_many_retries_are_allowed() -> None:
    policy = RetryPolicy(retries=5000, base=1.0, longest=60.0)
    assert policy.wait(ImageFailed(ErrorCode.TIMEOUT, ""), 4999, lambda: 1.0) == 60


def test_retries_end() -> None:
    failure = ImageFailed(ErrorCode.TIMEOUT, "")
    assert POLICY.wait(failure, 3, half) is not None
    assert POLICY.wait(failure, 4, half) is None
    assert RetryPolicy(0, 1, 60).wait(failure, 1, half) is None


def test_retry_after_is_the_least_wait() -> None:
    failure = ImageFailed(ErrorCode.TOO_MANY_REQUESTS, "", retry_after=20)
    assert POLICY.wait(failure, 1, half) == 20.5


def test_host_that_asks_for_too_long_is_not_asked_again() -> None:
    failure = ImageFailed(ErrorCode.SERVER_ERROR, "", retry_after=3600)
    assert POLICY.wait(failure, 1, half) is None
