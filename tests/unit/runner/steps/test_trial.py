"""What a sample tells of a batch: pure arithmetic."""

from __future__ import annotations

from collections import Counter

from imagebatch_core.job import Estimate
from imagebatch_core.results import ErrorCode
from imagebatch_runner.steps.trial import Trial


def test_an_estimate_takes_the_sample_for_the_whole() -> None:
    trial = Trial(
        formats=Counter(jpeg=15, png=3),
        failures=Counter({ErrorCode.HTTP_STATUS: 5, ErrorCode.TIMEOUT: 1}),
        bytes_in=18_000,
        bytes_out=3600,
        seconds=6.0,
    )
    assert trial.estimate(24_000, pods=10) == Estimate(
        images=18_000,
        bytes_in=18_000_000,
        bytes_out=3_600_000,
        seconds=600,
        sampled=24,
        failed=6,
    )
    assert trial.sentence() == (
        "of 24 sampled images 18 could be compressed (15 jpeg, 3 png), "
        "6 failed (5 http_status, 1 timeout)"
    )


def test_a_sample_that_failed_or_was_too_slow_promises_nothing() -> None:
    failed = Trial(failures=Counter({ErrorCode.DNS_FAILED: 2}), seconds=1.0).estimate(10, pods=1)
    assert failed is not None
    assert (failed.images, failed.bytes_out, failed.failed) == (0, 0, 2)
    assert Trial().estimate(10, pods=1) is None
