"""Limits on running batches: the real reconciler with several workers, killed at any write."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagebatch_core.names import ENV_STORE, RUNNER_CONFIG_MAP, RUNNER_SERVICE_ACCOUNT
from imagebatch_operator.cluster.cache import Cache, Listing
from imagebatch_operator.cluster.client import KubeError, Unavailable, batch_path, core_path
from imagebatch_operator.cluster.work_queue import Key, WorkQueue
from imagebatch_operator.reconcile import Reconciler
from imagebatch_operator.settings import Settings
from unit.operator.builders import batch
from unit.operator.fakecluster import STORE, Crash, FakeCluster

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class SlowCluster(FakeCluster):
    """Each request lets other passes run in between."""

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        made = await super().create(path, body)
        await asyncio.sleep(0)
        return made

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        made = await super().patch(path, body)
        await asyncio.sleep(0)
        return made


class World:
    """Batches of several namespaces, and an operator with eight workers."""

    def __init__(self, **limits: int) -> None:
        self.cluster = SlowCluster()
        self.settings = Settings(runner_image="runner:1", **limits)
        self.seconds = 0
        self.began: list[Key] = []
        self.most = 0
        self.start()

    def start(self, **limits: int) -> None:
        """A new process that knows nothing."""
        self.settings = self.settings.model_copy(update=limits)
        self.cache, self.queue = Cache(), WorkQueue()
        clock: Callable[[], datetime] = lambda: START + timedelta(seconds=self.seconds)  # noqa: E731
        self.reconciler = Reconciler(self.cluster, self.cache, self.settings, clock=clock)
        self.queue.add_after = lambda key, seconds: None  # type: ignore[method-assign]

    def add(self, namespace: str, name: str, **spec: Any) -> None:
        for plural, named in (
            ("serviceaccounts", RUNNER_SERVICE_ACCOUNT),
            ("configmaps", RUNNER_CONFIG_MAP),
        ):
            body = {"metadata": {"name": named}, "data": {ENV_STORE: STORE}}
            self.cluster.add(core_path(namespace, plural, named), body)
        body = batch().named(name).spec(**spec).body()
        body["metadata"] |= {
            "namespace": namespace,
            "uid": f"{len(self.cluster.batches()):08}-{namespace}-{name}",
            "creationTimestamp": f"2026-01-02T02:{len(self.cluster.batches()):02}:00Z",
        }
        self.cluster.add(batch_path(namespace, name), body)

    def change(self, namespace: str, name: str, **spec: Any) -> None:
        path = batch_path(namespace, name)
        body = self.cluster.objects[path]
        self.cluster.add(path, {**body, "spec": {**body["spec"], **spec}})

    async def settle(self) -> None:
        """What the watches tell, then passes until no key is left. Raises Crash."""
        listing = Listing(self.cache)
        for body in self.cluster.batches():
            listing.take_batch(body)
        for body in self.cluster.jobs():
            listing.take_job(body)
        listing.end()
        for key in self.cache.keys_now():
            self.queue.add(key)

        async def reconcile(key: Key) -> float | None:
            try:
                return await self.reconciler.reconcile(key)
            finally:
                for due in self.reconciler.due():
                    self.queue.add(due)
                self.most = max(self.most, len(self.running()))

        workers = [asyncio.create_task(self.queue.work(reconcile)) for _ in range(8)]
        idle = asyncio.create_task(self._idle())
        await asyncio.wait([*workers, idle], return_when=asyncio.FIRST_COMPLETED)
        for task in (*workers, idle):
            task.cancel()
        for ended in await asyncio.gather(*workers, idle, return_exceptions=True):
            if isinstance(ended, Crash):
                raise ended
        for key in self.running():
            if key not in self.began:
                self.began.append(key)

    async def _idle(self) -> None:
        while self.queue._waiting or self.queue._running:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)

    def running(self) -> list[Key]:
        """Those with a Job that is neither suspended nor ended."""
        return sorted({
            (job["metadata"]["namespace"], job["metadata"]["ownerReferences"][0]["name"])
            for job in self.cluster.jobs()
            if not job["spec"].get("suspend") and not job.get("status")
        })  # fmt: skip

    def phases(self) -> Counter[str]:
        return Counter(body.get("status", {}).get("phase") for body in self.cluster.batches())

    def end_one(self, namespace: str, name: str) -> None:
        """Let the Job of one batch run to its end."""
        for path, job in list(self.cluster.objects.items()):
            owner = (job["metadata"].get("ownerReferences") or [{}])[0].get("name")
            if "/jobs/" not in path or f"/{namespace}/" not in path or owner != name:
                continue
            if not job.get("status") and not job["spec"].get("suspend"):
                self.cluster._run(path, job)

    async def to_the_end(self) -> None:
        for _ in range(400):
            with suppress(Crash):
                await self.settle()
                if set(self.phases()) <= {"Completed", "Cancelled"}:
                    return
                for key in self.running():
                    self.end_one(*key)
                continue
            self.start()
        raise AssertionError(f"it came to no end: {self.phases()}")


async def test_three_namespaces_of_unequal_load_get_equal_turns_and_priority_overtakes() -> None:
    world = World(running_batches=4)
    for number in range(9):
        world.add("red", f"r{number}")
    for number in range(3):
        world.add("green", f"g{number}")
        world.add("blue", f"b{number}")
    world.add("red", "urgent", priority=10)
    await world.settle()
    assert world.phases() == {"Processing": 4, "Pending": 12}
    counts = Counter(namespace for namespace, _ in world.running())
    assert set(counts.values()) <= {1, 2}
    assert len(counts) == 3
    assert ("red", "urgent") in world.running()
    await world.to_the_end()
    assert world.most == 4
    # While all three wait, none has more than one turn more than another.
    first = [namespace for namespace, _ in world.began[:9]]
    assert set(Counter(first).values()) <= {2, 3, 4}


@pytest.mark.field("spec.priority")
async def test_a_higher_priority_overtakes_while_it_is_queued() -> None:
    world = World(running_batches=1)
    for name in ("a", "b", "c", "d"):
        world.add("red", name)
    await world.settle()
    assert world.running() == [("red", "a")]
    world.change("red", "d", priority=5)
    await world.settle()
    assert world.running() == [("red", "a")], "it stops none that runs"
    await world.to_the_end()
    assert [name for _, name in world.began] == ["a", "d", "b", "c"]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [True, False], ids=["before", "after"])
async def test_killed_at_any_write_no_more_run_than_may_and_none_is_forgotten(lost: bool) -> None:
    whole = World(running_batches=2)
    names = [("red", "a"), ("red", "b"), ("blue", "c"), ("blue", "d")]
    for key in names:
        whole.add(*key)
    await whole.to_the_end()
    for number in range(1, len(whole.cluster.writes) + 1, 3):
        world = World(running_batches=2)
        for key in names:
            world.add(*key)
        world.cluster.crash_at, world.cluster.lost = number, lost
        await world.to_the_end()
        assert world.most <= 2, f"write {number}"
        assert world.phases() == {"Completed": 4}


async def test_a_lower_limit_holds_those_that_began_last_and_keeps_what_they_did() -> None:
    world = World(running_batches=3)
    for number, name in enumerate(("a", "b", "c")):
        world.add("red", name)
        world.seconds = number
        await world.settle()
    assert len(world.running()) == 3
    world.start(running_batches=1)
    await world.settle()
    assert world.running() == [("red", "a")]
    assert world.phases() == {"Processing": 1, "Pending": 2}
    await world.to_the_end()
    assert world.phases() == {"Completed": 3}


async def test_without_a_limit_any_more_all_queued_batches_begin() -> None:
    world = World(running_batches=1)
    for name in ("a", "b", "c"):
        world.add("red", name)
    await world.settle()
    world.settings = Settings(runner_image="runner:1")
    world.start()
    await world.settle()
    assert len(world.running()) == 3


async def test_suspending_one_lets_the_next_begin_and_resuming_it_waits_for_a_turn() -> None:
    world = World(running_batches=1)
    world.add("red", "a")
    world.add("red", "b")
    await world.settle()
    world.change("red", "a", suspend=True)
    await world.settle()
    assert world.running() == [("red", "b")]
    world.change("red", "a", suspend=False)
    await world.settle()
    assert world.running() == [("red", "b")]
    assert world.phases() == {"Pending": 1, "Processing": 1}
    world.change("red", "b", cancel=True)
    await world.settle()
    assert world.running() == [("red", "a")]


async def test_a_batch_that_cannot_be_written_holds_up_no_other() -> None:
    world = World(running_batches=1)
    world.add("red", "poison", priority=9)
    world.add("red", "b")

    def refuse(path: str) -> KubeError | None:
        return Unavailable(path) if path.endswith("/poison") else None

    world.cluster.refuse = refuse
    await world.settle()
    assert world.running() == [("red", "b")]


async def test_a_deleted_batch_gives_its_turn_to_the_next() -> None:
    world = World(running_batches=1)
    world.add("red", "a")
    world.add("blue", "b")
    await world.settle()
    for path in [p for p in world.cluster.objects if "/red/" in p and not p.startswith("/api/v1")]:
        del world.cluster.objects[path]
    await world.settle()
    assert world.running() == [("blue", "b")]


async def test_a_namespace_keeps_to_its_own_limit() -> None:
    world = World(running_batches=4, running_batches_per_namespace=2)
    for number in range(4):
        world.add("red", f"r{number}")
    world.add("blue", "b0")
    await world.settle()
    assert Counter(namespace for namespace, _ in world.running()) == {"red": 2, "blue": 1}


async def test_batches_in_a_queue_of_kueues_take_no_turn() -> None:
    world = World(running_batches=1)
    world.add("red", "a")
    for number in range(3):
        world.add("red", f"k{number}")
        path = batch_path("red", f"k{number}")
        body = world.cluster.objects[path]
        body["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "team"}
        world.cluster.add(path, body)
    world.add("red", "b")
    await world.settle()
    assert world.running() == [("red", name) for name in ("a", "k0", "k1", "k2")]
