"""What the independent look heals, and when it says that a watch is silent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import Step
from imagebatch_core.names import API_VERSION, KIND, PLURAL
from imagebatch_operator.cluster.cache import Cache, VersionsWentBack
from imagebatch_operator.cluster.client import Unavailable, batch_path, jobs_path
from imagebatch_operator.cluster.health import Unhealthy
from imagebatch_operator.cluster.progress import WatchProgress
from imagebatch_operator.cluster.resync import LOOKS, Resync
from imagebatch_operator.cluster.scope import Scope
from imagebatch_operator.cluster.served_schema import ServedSchema
from imagebatch_operator.cluster.watches import BOTH, JOBS, PAGE
from imagebatch_operator.cluster.work_queue import WorkQueue
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, batch
from unit.operator.fakecluster import FakeCluster

PATH = batch_path("shop", "spring")


class Bench:
    """One namespace with a batch and its plan Job; ``while_looking`` runs in each pause."""

    def __init__(self, *namespaces: str) -> None:
        self.cluster = FakeCluster()
        self.now = 0.0
        self.pauses = 0
        self.while_looking: Callable[[int], None] = lambda _: None
        self.cache, self.queue = Cache(), WorkQueue()
        self.progress = WatchProgress(BOTH if namespaces else ())
        self.resync = Resync(
            self.cluster,
            self.cache,
            self.queue,
            self.progress,
            ServedSchema(self.cluster, lambda: self.now, self.sleep),
            every=300,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1
        self.while_looking(self.pauses)

    def add_batch(self, namespace: str = "shop") -> dict[str, Any]:
        body = batch().body()
        body["metadata"]["namespace"] = namespace
        return self.cluster.add(batch_path(namespace, "spring"), body)

    def add_job(self) -> dict[str, Any]:
        job = construct_job(batch().build(), CreateJob(Step.PLAN, 1), Settings(runner_image="r"))
        return self.cluster.add(jobs_path("shop", job["metadata"]["name"]), job)

    def tell(self, kind: str, body: dict[str, Any]) -> None:
        self.progress.record(kind, body)


async def test_what_both_watches_have_told_is_no_silence() -> None:
    bench = Bench()
    bench.tell(PLURAL, bench.add_batch())
    bench.tell(JOBS, bench.add_job())
    await bench.resync.once([Scope(None)])
    assert bench.pauses == 0
    assert bench.resync.report() == "leads; resynced 0 s ago"
    assert bench.cache.keys_now() == [("shop", "spring")]
    assert len(bench.cache.jobs("shop", UID)) == 1


@pytest.mark.parametrize("silent", [PLURAL, JOBS])
async def test_a_watch_that_tells_nothing_while_one_looks_again_and_again_is_silent(
    silent: str,
) -> None:
    bench = Bench()
    added = {PLURAL: bench.add_batch(), JOBS: bench.add_job()}
    [(talks, body)] = [(kind, body) for kind, body in added.items() if kind != silent]
    bench.tell(talks, body)
    bench.while_looking = lambda _: bench.tell(talks, body)
    await bench.resync.once([Scope(None)])
    assert bench.pauses == LOOKS
    with pytest.raises(Unhealthy, match=f"silent watch: {silent} changed without an event"):
        bench.resync.report()
    with pytest.raises(Unhealthy):
        bench.resync.report()
    assert bench.cache.keys_now() == [("shop", "spring")], "the list has healed the cache"


async def test_lag_under_load_is_no_silence() -> None:
    """The events come late, and one of another object first: the watch lives."""
    bench = Bench()
    older = bench.add_batch("press")
    bench.add_batch()
    bench.while_looking = lambda pause: bench.tell(PLURAL, older) if pause == LOOKS else None
    await bench.resync.once([Scope(None)])
    assert bench.pauses == LOOKS
    assert bench.resync.report()


async def test_a_watch_that_speaks_again_is_silent_no_longer() -> None:
    bench = Bench()
    body = bench.add_batch()
    await bench.resync.once([Scope(None)])
    with pytest.raises(Unhealthy):
        bench.resync.report()
    bench.tell(PLURAL, body)
    assert bench.resync.report()


async def test_the_silent_watch_of_one_namespace_of_several_is_named() -> None:
    bench = Bench("shop", "press")
    bench.add_batch("press")
    bench.tell(PLURAL, bench.add_batch())
    await bench.resync.once([Scope("shop"), Scope("press")])
    with pytest.raises(Unhealthy, match="imagebatches in press changed"):
        bench.resync.report()


async def test_a_namespace_that_may_not_be_read_keeps_no_other_from_being_resynced() -> None:
    bench = Bench("gone", "shop")
    bench.cluster.unreadable = lambda path: "/namespaces/gone/" in path
    bench.tell(PLURAL, bench.add_batch())
    await bench.resync.once([Scope("gone"), Scope("shop")])
    assert bench.cache.keys_now() == [("shop", "spring")]
    assert bench.resync.report()


async def test_a_list_of_many_pages_is_taken_whole() -> None:
    bench = Bench()
    for number in range(2 * PAGE + 3):
        body = batch().named(f"b{number:04}").body()
        bench.tell(PLURAL, bench.cluster.add(batch_path("shop", f"b{number:04}"), body))
    await bench.resync.once([Scope(None)])
    assert len(bench.cache.keys_now()) == 2 * PAGE + 3
    assert bench.cluster.reads.count(f"/apis/{API_VERSION}/{PLURAL}") == 3


async def test_an_api_server_that_does_not_answer_leaves_the_cache_as_it_is() -> None:
    bench = Bench()
    bench.tell(PLURAL, bench.add_batch())
    await bench.resync.once([Scope(None)])

    async def silent(path: str, **_: str) -> dict[str, Any]:
        raise Unavailable(path)

    bench.cluster.get = silent  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await bench.resync.once([Scope(None)])
    assert bench.cache.keys_now() == [("shop", "spring")]
    bench.now += 901
    with pytest.raises(Unhealthy, match="no resync for 901 s"):
        bench.resync.report()


async def test_a_cluster_that_was_restored_is_noticed_by_the_next_list() -> None:
    bench = Bench()
    restored = copy.deepcopy(bench.cluster.objects)
    old = bench.add_batch()
    restored[PATH] = old
    bench.add_batch()
    await bench.resync.fill(Scope(None))
    bench.cluster.objects = restored
    with pytest.raises(VersionsWentBack, match="the cluster was restored"):
        await bench.resync.once([Scope(None)])


async def test_a_crd_that_becomes_older_than_the_operator_ends_it() -> None:
    bench = Bench()
    schema = copy.deepcopy(
        custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    )
    del schema["properties"]["status"]["properties"]["reuse"]
    served = {**schema, "x-kubernetes-group-version-kind": [{"kind": KIND}]}
    document = {"metadata": {}, "components": {"schemas": {"ImageBatch": served}}}
    bench.cluster.add(f"/openapi/v3/apis/{API_VERSION}", document)
    bench.resync.soon()
    with pytest.raises(ConfigurationRefused, match=r"would drop status\.reuse"):
        await bench.resync.run(lambda: [Scope(None)])
