"""End a step: choose exit code and termination message for an error, log and write the message."""

from __future__ import annotations

import logging
from pathlib import Path

from imagebatch_core.counted import counted
from imagebatch_core.errors import (
    ConfigurationRefused,
    InputRefused,
    LimitExceeded,
    StorageRefused,
)
from imagebatch_core.job import ExitCode, RunnerMessage, Step
from imagebatch_core.reasons import Reason
from imagebatch_runner.failures import (
    NothingPlanned,
    NothingToRetry,
    SourceMissing,
    SourcesUnreachable,
)

log = logging.getLogger(__name__)


def of_error(step: Step, error: BaseException) -> tuple[ExitCode, RunnerMessage | None]:
    """Return exit code and message of a step that raised ``error``; an interruption has no message.

    Exit code 2 means that the input is refused, which ends the batch; only plan reads the input.
    Collect ends with it if it finds no plan of a batch that ended early.
    Exit code 3 means that a setting or the storage is refused: the batch waits until somebody
    corrects it.
    """
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, None
    code, reason = _kind(step, error)
    text = str(error) or type(error).__name__
    return code, RunnerMessage(step=step, error=text, reason=reason)


def _kind(step: Step, error: BaseException) -> tuple[ExitCode, Reason | None]:
    if isinstance(error, (ConfigurationRefused, StorageRefused)):
        return ExitCode.CONFIGURATION_REFUSED, Reason.CONFIGURATION_REFUSED
    if isinstance(error, NothingPlanned):
        return ExitCode.INPUT_REFUSED, Reason.INPUT_REFUSED
    if step is not Step.PLAN:
        return ExitCode.FAULT, Reason.COLLECT_FAILED if step is Step.COLLECT else None
    if isinstance(error, LimitExceeded):
        return ExitCode.INPUT_REFUSED, Reason.LIMIT_EXCEEDED
    if isinstance(error, NothingToRetry):
        return ExitCode.INPUT_REFUSED, Reason.NOTHING_TO_RETRY
    if isinstance(error, SourcesUnreachable):
        return ExitCode.INPUT_REFUSED, Reason.SOURCES_UNREACHABLE
    if isinstance(error, SourceMissing):
        return ExitCode.INPUT_REFUSED, Reason.SOURCE_NOT_FOUND
    if isinstance(error, InputRefused):
        return ExitCode.INPUT_REFUSED, Reason.INPUT_REFUSED
    return ExitCode.FAULT, Reason.PLAN_FAILED


def log_message(message: RunnerMessage) -> None:
    """Log the message as one event: a sentence for people, the whole message for programs."""
    fields = message.model_dump(mode="json", by_alias=True, exclude_none=True)
    level = logging.INFO if message.error is None else logging.ERROR
    log.log(level, "%s", _sentence(message), extra={"result": fields})


def _sentence(message: RunnerMessage) -> str:
    step = message.step.value
    if message.error is not None:
        return f"{step}: {message.error}"
    if message.totals is None:
        planned = counted(product=message.products, image=message.images, shard=message.shards)
        return f"{step} is done: {planned}"
    counts = (f"{count} {status.value}" for status, count in message.totals.counts.items())
    return f"{step} is done: {', '.join(counts)}"


def leave_message(message: RunnerMessage, path: Path) -> None:
    """Write the message to ``path``, which Kubernetes reads. Outside a pod this may fail, which is
    ignored."""
    try:
        path.write_text(message.to_json())
    except OSError as error:
        log.debug("the termination message cannot be written: %s", error)
