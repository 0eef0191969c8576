"""SIGTERM becomes SystemExit within a block, and only there."""

from __future__ import annotations

import os
import signal
import time

import pytest

from hosttools.sigterm import exit_on_sigterm


def test_sigterm_within_the_block_runs_its_finally_and_exits_with_143() -> None:
    ended = []

    @exit_on_sigterm()
    def program() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            ended.append(True)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        program()
    assert (caught.value.code, ended) == (143, [True])
    assert signal.getsignal(signal.SIGTERM) is before
