from __future__ import annotations

import pytest

from imagebatch_core.errors import (
    ConfigurationRefused,
    InputRefused,
    LimitExceeded,
    StorageRefused,
)
from imagebatch_core.job import ExitCode, Step
from imagebatch_core.reasons import Reason
from imagebatch_runner.failures import SourceMissing, SourceUnavailable, StorageUnavailable
from imagebatch_runner.pod.termination import of_error


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InputRefused("x"), ExitCode.INPUT_REFUSED, Reason.INPUT_REFUSED),
        (LimitExceeded("x"), ExitCode.INPUT_REFUSED, Reason.LIMIT_EXCEEDED),
        (SourceMissing("x"), ExitCode.INPUT_REFUSED, Reason.SOURCE_NOT_FOUND),
        (StorageRefused("x"), ExitCode.CONFIGURATION_REFUSED, Reason.CONFIGURATION_REFUSED),
        (ConfigurationRefused("x"), ExitCode.CONFIGURATION_REFUSED, Reason.CONFIGURATION_REFUSED),
        (StorageUnavailable("x"), ExitCode.FAULT, Reason.PLAN_FAILED),
        (SourceUnavailable("x"), ExitCode.FAULT, Reason.PLAN_FAILED),
        (MemoryError(), ExitCode.FAULT, Reason.PLAN_FAILED),
    ],
)
def test_plan_tells_refusals_of_the_input_and_of_the_configuration_from_failures(
    error: Exception, code: ExitCode, reason: Reason
) -> None:
    ended, message = of_error(Step.PLAN, error)
    assert message is not None
    assert (ended, message.reason) == (code, reason)


@pytest.mark.parametrize("step", [Step.COMPRESS, Step.COLLECT])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StorageRefused("403"), ExitCode.CONFIGURATION_REFUSED),
        (ConfigurationRefused("x"), ExitCode.CONFIGURATION_REFUSED),
        (InputRefused("x"), ExitCode.FAULT),
    ],
)
def test_after_plan_only_what_can_be_mended_is_told_as_a_refusal(
    step: Step, error: Exception, code: ExitCode
) -> None:
    ended, message = of_error(step, error)
    assert ended is code
    assert message is not None
    assert message.error == str(error)
