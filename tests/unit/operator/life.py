"""A batch's whole life: the real reconciler on an in-memory cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache, Listing
from imagebatch_operator.cluster.client import batch_path
from imagebatch_operator.reconcile import Reconciler
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, BatchBuilder
from unit.operator.fakecluster import Crash, FakeCluster

KEY = ("shop", "spring")


class Life:
    """Runs a batch to its end; every :meth:`start` is a new process that knows nothing."""

    def __init__(self, cluster: FakeCluster, settings: Settings) -> None:
        self.cluster = cluster
        self.settings = settings
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        self.cache = Cache()
        self.reconciler = Reconciler(
            self.cluster,
            self.cache,
            self.settings,
            clock=lambda: NOW + timedelta(seconds=int(self.seconds)),
        )

    def look(self) -> None:
        """A full list."""
        listing = Listing(self.cache)
        for body in self.cluster.batches():
            listing.take_batch(body)
        for body in self.cluster.jobs():
            listing.take_job(body)
        listing.end()

    async def one_pass(self) -> float | None:
        self.look()
        again = await self.reconciler.reconcile(KEY)
        await self.reconciler.outbox.idle()
        return again

    async def to_the_end(self) -> int:
        """Until nothing happens any more; the number of crashes."""
        crashes = 0
        for _ in range(100):
            written = len(self.cluster.writes)
            try:
                again = await self.one_pass()
            except Crash:
                crashes += 1
                self.start()
                continue
            if self.cluster.run_jobs() or len(self.cluster.writes) > written:
                continue
            if again is None:
                return crashes
            self.seconds += again
        raise AssertionError("the batch came to no end")


def applied(builder: BatchBuilder) -> FakeCluster:
    cluster = FakeCluster()
    cluster.add(batch_path(*KEY), builder.body())
    return cluster


def result(cluster: FakeCluster) -> ImageBatch:
    return ImageBatch.from_object(cluster.objects[batch_path(*KEY)])


def without_times(found: ImageBatch) -> dict[str, Any]:
    status = found.status.model_dump(mode="json")
    for condition in status["conditions"]:
        condition.pop("last_transition_time")
    for name in ("start_time", "completion_time", "duration"):
        status.pop(name)
    return status
