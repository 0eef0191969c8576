"""A pytest plugin: a test that leaves a signal handler behind fails."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@contextmanager
def signal_handlers_kept() -> Iterator[None]:
    """Fail if the block leaves another handler of a signal behind, and restore the old one."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    yield
    changed = [number for number in _SIGNALS if signal.getsignal(number) != before[number]]
    for number in changed:
        signal.signal(number, before[number])
    if changed:
        pytest.fail(f"handlers are left behind: {', '.join(number.name for number in changed)}")


@pytest.fixture(autouse=True)
def no_signal_handler_outlives_its_test() -> Iterator[None]:
    """Run each test in :func:`signal_handlers_kept`.

    The handler of one test would otherwise act in the tests after it: SIGTERM, sent to end the
    whole run, became a SystemExit in the middle of an unrelated test.
    """
    with signal_handlers_kept():
        yield
