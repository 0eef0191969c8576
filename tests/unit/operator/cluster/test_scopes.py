"""A namespace of the list that cannot be read stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from imagebatch_core.names import PLURAL
from imagebatch_operator.cluster.client import Forbidden, batch_path
from imagebatch_operator.cluster.scope import Scope
from imagebatch_operator.cluster.scopes import Scopes, open_scopes
from imagebatch_operator.cluster.watches import JOBS, Watches
from unit.operator.builders import UID, batch
from unit.operator.cluster.test_resync import Bench


class FakeWatches:
    """As Kopf does, it ends with an error when one of its namespaces may not be read."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self.running: tuple[str, ...] | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, namespaces: tuple[str, ...]) -> asyncio.Future[None]:
        assert self.running is None, "one at a time"
        self.running = namespaces
        self.ended = asyncio.get_running_loop().create_future()
        self.started.put_nowait(namespaces)
        return self.ended

    def fail(self) -> None:
        self.running = None
        self.ended.set_exception(RuntimeError("watcher: forbidden"))

    def ask_to_stop(self) -> None:
        self.running = None

    async def stop(self) -> None:
        self.running = None
        if not self.ended.done():
            self.ended.set_result(None)


@asynccontextmanager
async def watching(scopes: Scopes) -> AsyncIterator[FakeWatches]:
    watches = FakeWatches()
    task = asyncio.create_task(scopes.keep_watching(cast(Watches, watches)))
    yield watches
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert watches.running is None, "stopped with the task"


def scopes_of(bench: Bench, *namespaces: str) -> Scopes:
    return Scopes(
        bench.cluster,
        bench.resync,
        lambda: namespaces or [None],
        look_again=0.02,
        first_backoff=0.01,
    )


def unreadable(bench: Bench, *namespaces: str) -> None:
    paths = tuple(f"/namespaces/{namespace}/" for namespace in namespaces)
    bench.cluster.unreadable = lambda path: any(part in path for part in paths)


async def test_a_start_goes_on_with_the_namespaces_that_are_left() -> None:
    bench = Bench("gone", "shop")
    bench.add_batch()
    unreadable(bench, "gone")
    scopes = scopes_of(bench, "gone", "shop")
    await scopes.begin()
    assert scopes.readable() == [Scope("shop")]
    assert bench.cache.keys_now() == [("shop", "spring")]
    async with watching(scopes) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)


async def test_where_nothing_can_be_read_the_process_ends_with_the_reason() -> None:
    bench = Bench()
    bench.cluster.unreadable = lambda path: True
    with pytest.raises(Forbidden):
        await scopes_of(bench).begin()
    with pytest.raises(Forbidden):
        await scopes_of(bench, "shop", "press").begin()


async def test_a_namespace_that_is_deleted_is_left_out_and_taken_back() -> None:
    bench = Bench("press", "shop")
    bench.add_batch("press")
    bench.add_batch()
    scopes = scopes_of(bench, "press", "shop")
    await scopes.begin()
    async with watching(scopes) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ("press", "shop")
        unreadable(bench, "press")
        watches.fail()
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)
        assert bench.cache.keys_now() == [("shop", "spring")], "what is gone is forgotten"
        unreadable(bench)
        fresh = batch().named("autumn").body()
        fresh["metadata"]["namespace"] = "press"
        bench.cluster.add(batch_path("press", "autumn"), fresh)
        assert set(await asyncio.wait_for(watches.started.get(), 5)) == {"press", "shop"}
        assert ("press", "autumn") in bench.cache.keys_now()


async def test_a_namespace_that_a_list_finds_refused_is_left_out_before_kopf_notices() -> None:
    bench = Bench("press", "shop")
    scopes = scopes_of(bench, "press", "shop")
    await scopes.begin()
    async with watching(scopes) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ("press", "shop")
        unreadable(bench, "press")
        await bench.resync.once(scopes.readable())
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)
        await bench.resync.once(scopes.readable())
        await asyncio.sleep(0.1)
        assert watches.started.empty(), "and it goes on with the others"


async def test_kopf_that_ends_for_another_reason_is_started_again_over_the_same() -> None:
    bench = Bench("shop")
    scopes = scopes_of(bench, "shop")
    await scopes.begin()
    async with watching(scopes) as watches:
        for _ in range(3):
            assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)
            watches.fail()


async def test_while_every_namespace_is_gone_it_waits_for_one_to_come_back() -> None:
    bench = Bench("shop")
    scopes = scopes_of(bench, "shop")
    await scopes.begin()
    async with watching(scopes) as watches:
        await asyncio.wait_for(watches.started.get(), 5)
        unreadable(bench, "shop")
        watches.fail()
        await asyncio.sleep(0.1)
        assert scopes.readable() == []
        assert watches.started.empty()
        unreadable(bench)
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)


async def opened(bench: Bench) -> list[Scopes]:
    """As without a list of namespaces: batches of the cluster, and Jobs where they can be read."""
    return await open_scopes(bench.cluster, bench.resync, bench.cache, ())


def no_role_in(bench: Bench, *namespaces: str) -> None:
    paths = tuple(f"/apis/batch/v1/namespaces/{namespace}/" for namespace in namespaces)
    bench.cluster.unreadable = lambda path: path.startswith((*paths, "/apis/batch/v1/jobs"))


async def test_without_a_list_jobs_are_watched_only_where_there_are_batches_and_a_role() -> None:
    bench = Bench()
    bench.add_batch()
    bench.add_batch("press")
    bench.add_job()
    no_role_in(bench, "press")
    batches, jobs = await opened(bench)
    assert batches.readable() == [Scope(None, (PLURAL,))]
    assert jobs.readable() == [Scope("shop", (JOBS,))]
    assert set(bench.cache.keys_now()) == {("shop", "spring"), ("press", "spring")}
    assert len(bench.cache.jobs("shop", UID)) == 1


async def test_jobs_of_the_release_are_watched_before_its_first_batch() -> None:
    bench = Bench()
    bench.add_batch("press")
    scopes = await open_scopes(bench.cluster, bench.resync, bench.cache, (), home="shop")
    assert set(scopes[1].readable()) == {Scope("press", (JOBS,)), Scope("shop", (JOBS,))}


async def test_without_any_role_the_batches_are_watched_all_the_same() -> None:
    bench = Bench()
    bench.add_batch()
    no_role_in(bench, "shop")
    batches, jobs = await opened(bench)
    assert jobs.readable() == []
    async with watching(batches) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ()


async def test_jobs_of_a_namespace_are_watched_from_its_first_batch_on() -> None:
    bench = Bench()
    bench.add_batch()
    _, jobs = await opened(bench)
    async with watching(jobs) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)
        # Much sooner than the next look at what could not be read, after 30 s.
        bench.cache.put_batch(bench.add_batch("press"))
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop", "press")


async def test_a_role_that_goes_takes_the_jobs_of_its_namespace_and_not_the_batches() -> None:
    bench = Bench()
    bench.add_batch()
    bench.add_job()
    _, jobs = await opened(bench)
    async with watching(jobs) as watches:
        assert await asyncio.wait_for(watches.started.get(), 5) == ("shop",)
        no_role_in(bench, "shop")
        watches.fail()
        await asyncio.sleep(1.5)
        assert jobs.readable() == []
        assert bench.cache.keys_now() == [("shop", "spring")]
        assert bench.cache.jobs("shop", UID) == ()
