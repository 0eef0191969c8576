"""Claims about the operator's metrics: each is defined, documented and counts what it says."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from imagebatch_core.results import ImageStatus
from imagebatch_core.status import Bytes, ImageBatchStatus, Images, Runs
from imagebatch_operator import metrics
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.progress import WatchProgress
from imagebatch_operator.cluster.scrape import read_state
from imagebatch_operator.cluster.work_queue import WorkQueue
from unit.operator.builders import batch

#: What a label may be: a fixed set each, but for namespaces, of which there are few.
_LABELS = {
    "verb", "code", "resource", "namespace", "phase", "reason", "result", "direction", "cause",
    "outcome",
}  # fmt: skip


class Counted:
    """By how much samples have grown since the beginning of a test: other tests count as well."""

    def __init__(self) -> None:
        self._before = _samples()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return _samples().get(key, 0.0) - self._before.get(key, 0.0)


def _samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
    }


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_every_metric_that_is_served_is_defined_and_the_other_way_round() -> None:
    served = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in metrics.REGISTRY.collect()
        if not family.name.startswith("process_")
    }
    assert served == {one.name: one.kind for one in metrics.DEFINITIONS}


def test_no_label_can_have_any_number_of_values() -> None:
    assert {label for one in metrics.DEFINITIONS for label in one.labels} <= _LABELS


def test_the_exposition_is_prometheus_text() -> None:
    text = metrics.exposition().decode()
    assert "# TYPE imagebatch_leader gauge" in text
    assert "# TYPE imagebatch_queue_adds_total counter" in text


def test_images_and_bytes_count_once_a_report_is_there(counted: Counted) -> None:
    running = ImageBatchStatus(images=Images(total=6, done=2))
    images = Images(total=6, done=6, succeeded=3, kept=2, reused=0, failed=1)
    ended = ImageBatchStatus(images=images, bytes=Bytes.model_validate({"in": 900, "out": 300}))
    for before, after in ((ImageBatchStatus(), running), (running, ended), (ended, ended)):
        metrics.count_status(before, after)
    by_result = {
        status: counted("imagebatch_images_total", result=status) for status in ImageStatus
    }
    assert by_result == {"succeeded": 3, "kept": 2, "reused": 0, "failed": 1}
    assert counted("imagebatch_bytes_total", direction="in") == 900
    assert counted("imagebatch_bytes_total", direction="out") == 300


def test_a_further_run_of_a_shard_job_is_a_rerun_and_the_first_is_none(counted: Counted) -> None:
    runs = [Runs(), Runs(shards=[1]), Runs(shards=[1, 1]), Runs(shards=[3, 1]), Runs(shards=[3, 2])]
    statuses = [ImageBatchStatus(runs=one) for one in runs]
    for before, after in pairwise(statuses):
        metrics.count_status(before, after)
    assert counted("imagebatch_shard_reruns_total", cause="job") == 3


def test_pods_that_failed_before_this_process_saw_the_job_are_not_counted(counted: Counted) -> None:
    metrics.count_failed_pods(2, 5)
    metrics.count_failed_pods(5, 5)
    metrics.count_failed_pods(5, 0)
    assert counted("imagebatch_shard_reruns_total", cause="pod") == 3


@pytest.mark.parametrize(
    ("code", "delivered", "refused", "outcome"),
    [
        (204, True, False, "delivered"),
        (500, False, False, "rejected"),
        (None, False, False, "unreachable"),
        (None, False, True, "not_sent"),
    ],
)
def test_attempts_count_by_their_outcome(
    counted: Counted, code: int | None, delivered: bool, refused: bool, outcome: str
) -> None:
    metrics.count_attempt(code, delivered=delivered, refused=refused)
    assert counted("imagebatch_webhook_attempts_total", outcome=outcome) == 1


async def test_the_queue_counts_adds_waits_and_retries(counted: Counted) -> None:
    queue, done = WorkQueue(), asyncio.Event()

    async def reconcile(key: tuple[str, str]) -> None:
        if key[1] == "broken":
            raise RuntimeError("no")
        done.set()

    for name in ("broken", "broken", "whole"):
        queue.add(("shop", name))
    assert queue.depth == 2
    worker = asyncio.ensure_future(queue.work(reconcile))
    await done.wait()
    worker.cancel()
    assert counted("imagebatch_queue_adds_total") == 2
    assert counted("imagebatch_queue_latency_seconds_count") == 2
    assert counted("imagebatch_pass_seconds_count") >= 1
    assert counted("imagebatch_queue_retries_total") == 1
    assert queue.depth == 0


def body(namespace: str, name: str, phase: str | None, reason: str = "") -> dict[str, Any]:
    meta = {"namespace": namespace, "name": name, "uid": name, "resourceVersion": "1"}
    kind = "Succeeded" if phase in ("Completed", "Failed") else "Reconciling"
    conditions = [{"type": kind, "reason": reason}] if reason else []
    status = {"phase": phase, "conditions": conditions} if phase else {}
    return {"metadata": meta, "status": status, "spec": batch().build().spec.model_dump()}


def test_gauges_count_batches_by_phase_and_by_namespace() -> None:
    cache, progress = Cache(), WatchProgress({"jobs"})
    for made in (
        body("shop", "a", None),
        body("shop", "b", "Pending", "Queued"),
        body("shop", "c", "Processing", "Compressing"),
        body("press", "d", "Processing", "Compressing"),
        body("press", "e", "Failed", "DeadlineExceeded"),
    ):
        cache.put_batch(made)
    progress.record("jobs", {"metadata": {"namespace": "shop", "resourceVersion": "1"}})
    progress.record("imagebatches", {"metadata": {"namespace": "shop", "resourceVersion": "1"}})
    state = read_state(cache, WorkQueue(), progress)
    assert state.batches == {
        ("Pending", ""): 1,
        ("Pending", "Queued"): 1,
        ("Processing", "Compressing"): 2,
        ("Failed", "DeadlineExceeded"): 1,
    }
    assert state.waiting == {("shop",): 2}
    assert state.running == {("shop",): 1, ("press",): 1}
    assert set(state.watch_ages or {}) == {("jobs", "shop"), ("imagebatches", "")}
    assert all(0 <= age < 5 for age in (state.watch_ages or {}).values())
