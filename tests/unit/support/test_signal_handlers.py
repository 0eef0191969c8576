"""A test that leaves a signal handler behind fails, and the handler is restored."""

from __future__ import annotations

import signal

import pytest

from support.signalhandlers import signal_handlers_kept


def test_a_handler_that_is_left_behind_is_named_and_the_one_before_restored() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(pytest.fail.Exception, match="left behind: SIGHUP"), signal_handlers_kept():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_handler_that_is_restored_by_its_owner_is_no_fault() -> None:
    with signal_handlers_kept():
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, before)
