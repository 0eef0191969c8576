from __future__ import annotations

from imagebatch_operator.cluster.lease import LEASE_SECONDS, Lease
from unit.operator.fakecluster import FakeCluster


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_only_one_holds_the_lease_and_the_other_takes_it_once_it_expired() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = Lease(cluster, "system", "pod-1", clock)
    second = Lease(cluster, "system", "pod-2", clock)
    assert await first.acquire_or_renew()
    assert not await second.acquire_or_renew()
    clock.now += LEASE_SECONDS - 1
    assert await first.acquire_or_renew(), "renewed"
    assert not await second.acquire_or_renew()
    clock.now += LEASE_SECONDS - 1
    assert not await second.acquire_or_renew(), "counted from the renewal it saw"
    clock.now += 2
    assert await second.acquire_or_renew()
    assert not await first.acquire_or_renew(), "the former holder must notice"


async def test_a_released_lease_is_taken_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = Lease(cluster, "system", "pod-1", clock)
    assert await first.acquire_or_renew()
    await first.release()
    assert await Lease(cluster, "system", "pod-2", clock).acquire_or_renew()


async def test_a_restarted_holder_keeps_its_lease() -> None:
    cluster, clock = FakeCluster(), Clock()
    assert await Lease(cluster, "system", "pod-1", clock).acquire_or_renew()
    assert await Lease(cluster, "system", "pod-1", clock).acquire_or_renew()
