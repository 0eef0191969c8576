"""What an event of a watch brings about."""

from __future__ import annotations

import asyncio

from imagebatch_core.names import PLURAL
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.intake import intake
from imagebatch_operator.cluster.progress import WatchProgress
from imagebatch_operator.cluster.watches import JOBS, PODS
from imagebatch_operator.cluster.work_queue import Key, WorkQueue
from unit.operator.builders import UID
from unit.operator.cluster.test_cache import KEY, body, job_body, pod_body


async def looked_at(queue: WorkQueue) -> list[Key]:
    """The keys that are ready."""
    seen: list[Key] = []

    async def reconcile(key: Key) -> None:
        seen.append(key)

    worker = asyncio.create_task(queue.work(reconcile))
    for _ in range(5):
        await asyncio.sleep(0)
    worker.cancel()
    return seen


async def test_every_event_is_counted_and_its_batch_looked_at() -> None:
    cache, queue, progress = Cache(), WorkQueue(), WatchProgress(())
    take = intake(cache, queue, progress)
    for kind, type_, found in (
        (PLURAL, None, body(20)),
        (JOBS, "ADDED", job_body(21)),
        (JOBS, "DELETED", job_body(22)),
        (PLURAL, "DELETED", body(23)),
    ):
        take(kind, {"type": type_, "object": found})
        assert await looked_at(queue) == [KEY], (kind, type_)
    assert cache.keys_now() == []
    assert cache.jobs("shop", UID) == ()
    assert progress.behind({(PLURAL, None): 23, (JOBS, None): 22}) == []
    assert [one.watch for one in progress.behind({(PLURAL, None): 24})] == [(PLURAL, None)]


async def test_a_pod_that_did_its_step_has_its_batch_looked_at_and_its_deletion_has_not() -> None:
    cache, queue = Cache(), WorkQueue()
    take = intake(cache, queue, WatchProgress(()))
    cache.put_job(job_body(21))
    take(PODS, {"type": "MODIFIED", "object": pod_body(code=None)})
    assert await looked_at(queue) == []
    take(PODS, {"type": "MODIFIED", "object": pod_body()})
    assert await looked_at(queue) == [KEY]
    take(PODS, {"type": "DELETED", "object": pod_body()})
    assert await looked_at(queue) == []


async def test_a_job_of_somebody_else_is_no_concern() -> None:
    cache, queue = Cache(), WorkQueue()
    take = intake(cache, queue, WatchProgress(()))
    take(JOBS, {"type": "ADDED", "object": job_body(21, ownerReferences=[])})
    assert await looked_at(queue) == []
