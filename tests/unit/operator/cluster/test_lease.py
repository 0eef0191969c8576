from __future__ import annotations

import asyncio

import pytest

from imagebatch_operator.cluster import lease as module
from imagebatch_operator.cluster.client import Fenced, Kube
from imagebatch_operator.cluster.health import Health
from imagebatch_operator.cluster.lease import LEASE_SECONDS, Lease, lead, new_identity
from unit.operator.fakecluster import FakeCluster

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/imagebatch-operator"


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


async def test_a_lease_that_somebody_made_without_a_record_is_taken() -> None:
    cluster = FakeCluster()
    cluster.add(PATH, {"metadata": {"name": "imagebatch-operator"}})
    first = Lease(cluster, "system", "pod-1", Clock())
    assert await first.acquire_or_renew()
    assert cluster.objects[PATH]["spec"]["holderIdentity"] == "pod-1"
    assert not await Lease(cluster, "system", "pod-2", Clock()).acquire_or_renew()


async def test_a_released_lease_is_taken_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = Lease(cluster, "system", "pod-1", clock)
    assert await first.acquire_or_renew()
    await first.release()
    assert not first.held
    assert await Lease(cluster, "system", "pod-2", clock).acquire_or_renew()


async def test_a_holder_that_stood_still_may_no_longer_write_before_it_even_asked() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = Lease(cluster, "system", "pod-1", clock)
    assert not first.held
    await first.acquire_or_renew()
    assert first.held
    clock.now += LEASE_SECONDS - 1
    assert first.held, "no other can have taken it yet"
    clock.now += 1
    assert not first.held
    with pytest.raises(Fenced):
        await cluster.fenced(lambda: first.held).create("/api/v1/pods", {"metadata": {}})


async def test_two_processes_of_one_host_name_are_two_holders() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = Lease(cluster, "system", new_identity(), clock)
    second = Lease(cluster, "system", new_identity(), clock)
    assert await first.acquire_or_renew()
    assert not await second.acquire_or_renew()


async def test_a_standby_says_who_leads_and_takes_over_when_the_lease_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    cluster, health, leading = FakeCluster(), Health(), asyncio.Event()
    health.report = lambda: "starting"
    other = Lease(cluster, "system", "pod-1")
    await other.acquire_or_renew()

    async def serve(_: Kube) -> None:
        leading.set()
        await asyncio.Event().wait()

    standby = asyncio.create_task(lead(cluster, "system", serve, health))
    async with asyncio.timeout(5):
        while "pod-1" not in health.report():  # noqa: ASYNC110 - a word, no event
            await asyncio.sleep(0.01)
    assert health.report() == "waits for the Lease, which pod-1 holds"
    assert not leading.is_set()
    await other.release()
    await asyncio.wait_for(leading.wait(), 5)
    standby.cancel()
    await asyncio.gather(standby, return_exceptions=True)
    assert cluster.objects[PATH]["spec"]["holderIdentity"] == "", "given back on a clean stop"


async def test_the_lease_is_held_until_serving_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    cluster, leading, held = FakeCluster(), asyncio.Event(), []

    async def serve(kube: Kube) -> None:
        leading.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            held.append(cluster.objects[PATH]["spec"]["holderIdentity"])
            await kube.create("/api/v1/things", {"metadata": {"name": "last"}})

    leader = asyncio.create_task(lead(cluster, "system", serve, Health()))
    await asyncio.wait_for(leading.wait(), 5)
    leader.cancel()
    await asyncio.gather(leader, return_exceptions=True)
    assert held
    assert held[0]
    assert cluster.objects[PATH]["spec"]["holderIdentity"] == ""


async def test_what_ended_serving_is_raised_once_the_lease_is_given_back() -> None:
    cluster = FakeCluster()

    async def serve(_: Kube) -> None:
        raise RuntimeError("no CRD")

    with pytest.raises(RuntimeError, match="no CRD"):
        await lead(cluster, "system", serve, Health())
    assert cluster.objects[PATH]["spec"]["holderIdentity"] == ""
