"""Ended batches over the number that is kept are deleted by the real reconciler."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagebatch_core.names import RUNNER_CONFIG_MAP
from imagebatch_operator.cluster.cache import Cache, Listing
from imagebatch_operator.cluster.client import batch_path, core_path
from imagebatch_operator.reconcile import Reconciler
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, batch
from unit.operator.fakecluster import FakeCluster


class Shop:
    def __init__(self, settings: Settings) -> None:
        self.cluster, self.cache = FakeCluster(), Cache()
        self.reconciler = Reconciler(self.cluster, self.cache, settings, clock=lambda: NOW)

    def add(self, name: str, age: int | None, **spec: object) -> None:
        """``age`` in minutes since its end; ``None``: it has not ended."""
        builder = batch().named(name).spec(**spec)
        if age is not None:
            end = NOW - timedelta(minutes=age)
            builder.status(phase="Completed", completionTime=end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        body = builder.body()
        body["metadata"]["uid"] = f"uid-of-{name}"
        self.cluster.add(batch_path("shop", name), body)

    async def settle(self) -> list[str]:
        """The names of the batches that are left once nothing is due any more."""
        for _ in range(20):
            listing = Listing(self.cache)
            for body in self.cluster.batches():
                listing.take_batch(body)
            listing.end()
            due = self.reconciler.due()
            if not due:
                break
            for key in due:
                await self.reconciler.reconcile(key)
        return sorted(body["metadata"]["name"] for body in self.cluster.batches())


def settings(**fields: int) -> Settings:
    return Settings(runner_image="r", **fields)


async def test_only_the_newest_ended_batches_are_kept() -> None:
    shop = Shop(settings(ended_batches_per_namespace=2))
    for name, age in (("old", 50), ("older", 60), ("new", 1), ("newer", 0), ("waits", None)):
        shop.add(name, age)
    assert await shop.settle() == ["new", "newer", "waits"]


async def test_by_default_all_are_kept() -> None:
    shop = Shop(settings())
    for number in range(5):
        shop.add(f"b{number}", number)
    assert len(await shop.settle()) == 5


async def test_one_that_another_waits_to_reuse_is_kept_until_it_is_recorded() -> None:
    shop = Shop(settings(ended_batches_per_namespace=1))
    shop.add("old", 50)
    shop.add("new", 1)
    shop.add("heir", None, reuseFrom={"name": "old"})
    assert await shop.settle() == ["heir", "new", "old"]
    await shop.reconciler.reconcile(("shop", "heir"))
    shop.add("newest", 0)
    assert await shop.settle() == ["heir", "newest"]


@pytest.mark.parametrize("field", ["reuseFrom", "retryOf"])
async def test_one_that_a_refused_batch_waits_for_outlives_its_ttl_until_it_is_recorded(
    field: str,
) -> None:
    shop = Shop(settings())
    shop.add("old", 50, ttlSecondsAfterFinished=0)
    name = {"name": "old"}
    spec = {"source": {"retryOf": name}} if field == "retryOf" else {"reuseFrom": name}
    path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
    runner = shop.cluster.objects.pop(path)
    shop.add("heir", None, **spec)
    await shop.settle()
    for _ in range(2):
        await shop.reconciler.reconcile(("shop", "heir"))
        await shop.reconciler.reconcile(("shop", "old"))
        assert await shop.settle() == ["heir", "old"], "StorageNotConfigured"
    shop.cluster.objects[path] = runner
    await shop.reconciler.reconcile(("shop", "heir"))
    assert await shop.settle() == ["heir"], "its status has recorded old, which is looked at"


async def test_one_that_nobody_waits_for_any_more_is_looked_at() -> None:
    shop = Shop(settings(ended_batches_per_namespace=1))
    shop.add("old", 50)
    shop.add("new", 1)
    shop.add("heir", None, reuseFrom={"name": "old"})
    assert await shop.settle() == ["heir", "new", "old"]
    del shop.cluster.objects[batch_path("shop", "heir")]
    assert await shop.settle() == ["new"]


async def test_one_that_git_holds_is_kept() -> None:
    shop = Shop(settings(ended_batches_per_namespace=1, default_ttl_seconds=0))
    shop.add("new", 1)
    body = batch().named("old").status(phase="Completed", completionTime="2026-01-01T00:00:00Z")
    made = body.body()
    made["metadata"] |= {"uid": "uid-of-old", "labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}
    shop.cluster.add(batch_path("shop", "old"), made)
    shop.add("newest", 0)
    assert "old" in await shop.settle()
    await shop.reconciler.reconcile(("shop", "old"))
    assert "old" in await shop.settle()
