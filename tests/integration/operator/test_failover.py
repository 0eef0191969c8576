"""Two operators: how soon the second one goes on where the first one was lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from imagebatch_core.job import ExitCode
from integration.operator.driver import Api, Operator, eventually

#: What is promised (docs/operator.md). The Lease takes 15 s to expire.
FAILOVER_SECONDS = 30.0


def holder(api: Api) -> str:
    return str(api.get("lease", "imagebatch-operator")["spec"].get("holderIdentity") or "")


@pytest.mark.parametrize("loss", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "vanished"])
def test_the_standby_works_within_thirty_seconds_of_the_loss_of_the_leader(
    api: Api,
    operators: Callable[..., Operator],
    loss: signal.Signals,
) -> None:
    leader, standby = operators(), operators()
    leader.start()
    standby.begin()
    first = holder(api)
    eventually(lambda: first in (standby.detail() or ""), "the standby says who leads")
    name = f"lost-by-{loss.name.lower()}"
    began = time.monotonic()
    leader.signal(loss)
    api.batch(name)
    api.job(name, "plan")
    took = time.monotonic() - began
    print(f"failover, {loss.name}: {took:.1f} s")
    assert took < FAILOVER_SECONDS
    second = holder(api)
    assert second not in ("", first)
    assert standby.leads()
    if loss is signal.SIGSTOP:
        # The node is back: the former leader finds that it leads no longer, and writes nothing.
        leader.signal(signal.SIGCONT)
        assert leader.wait() == ExitCode.FAULT
        assert leader.logged("the lease was lost")
        assert holder(api) == second
    api.patch(name, cancel=True)
    eventually(lambda: api.phase(name) == "Cancelled", "the standby's work")


def test_a_leader_that_is_stopped_hands_over_within_seconds(
    api: Api, operators: Callable[..., Operator]
) -> None:
    """As in an upgrade or when a node is drained."""
    leader, standby = operators(), operators()
    leader.start()
    standby.begin()
    eventually(lambda: "waits" in (standby.detail() or ""), "the standby's health")
    began = time.monotonic()
    assert leader.terminate() == 0
    eventually(standby.leads, "the standby leads")
    assert time.monotonic() - began < 15


def test_a_standby_ends_at_once_when_it_is_stopped(
    api: Api, operators: Callable[..., Operator]
) -> None:
    leader, standby = operators(), operators()
    leader.start()
    standby.begin()
    eventually(lambda: "waits" in (standby.detail() or ""), "the standby's health")
    first, began = holder(api), time.monotonic()
    assert standby.terminate() == 0
    assert time.monotonic() - began < 5
    assert holder(api) == first
    assert leader.leads()
