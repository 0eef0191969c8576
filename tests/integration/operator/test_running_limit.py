"""Limits on running batches, over several namespaces of unequal load, on a real API server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from imagebatch_core.job import RunnerMessage, Step, Totals
from integration.operator.driver import Api, Namespace, Operator, eventually, new_namespace

LOADS = {"red": 6, "green": 3, "blue": 2}
#: One shard: its plan pod does all of it.
DONE = RunnerMessage(
    step=Step.COLLECT,
    products=1,
    images=1,
    shards=1,
    totals=Totals(succeeded=1, bytes_in=1000, bytes_out=387),
    report_key="shop/x/report.csv",
    report_sha256="ab" * 32,
)


#: Namespace and name.
Batch = tuple[str, str]


@pytest.fixture
def shops(api: Api) -> Iterator[dict[str, Namespace]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(new_namespace(api, name)) for name in LOADS}


def running(api: Api) -> dict[Batch, str]:
    """Namespace and batch of each Job that runs, with the Job's name."""
    jobs = json.loads(api.plane.kubectl("get", "jobs", "-A", "-o", "json"))["items"]
    return {
        (job["metadata"]["namespace"], job["metadata"]["labels"]["imagebatch.dev/batch"]): job[
            "metadata"
        ]["name"]
        for job in jobs
        if job["metadata"]["namespace"] in LOADS
        and not job["spec"].get("suspend")
        and not job.get("status", {}).get("conditions")
        and not job["metadata"].get("deletionTimestamp")
    }


def test_three_namespaces_get_equal_turns_of_four_and_priority_overtakes(
    api: Api, shops: dict[str, Namespace], operators: Callable[..., Operator]
) -> None:
    operator = operators(
        IMAGEBATCH_NAMESPACES=",".join(LOADS),
        IMAGEBATCH_LEASE_NAMESPACE="red",
        IMAGEBATCH_RUNNING_BATCHES="4",
    )
    for namespace, load in LOADS.items():
        for number in range(load):
            shops[namespace].add(f"{namespace}-{number}")
    operator.start()
    began = list(eventually(lambda: len(found := running(api)) == 4 and found, "four run"))
    assert Counter(namespace for namespace, _ in began) == {"red": 2, "green": 1, "blue": 1}

    waits = eventually(lambda: queued(shops["red"]), "the others of red wait")
    assert waits[0]["status"]["queuePosition"] >= 1
    assert "startTime" not in waits[0]["status"]
    urgent = ("red", max(one["metadata"]["name"] for one in waits))
    shops["red"].patch(urgent[1], priority=10)
    operator.kill()
    operator.start()

    while len(began) < sum(LOADS.values()):
        now = running(api)
        assert len(now) <= 4
        ends = next(key for key in began if key in now)
        shops[ends[0]].finish_pods(now[ends], DONE)
        began.append(eventually(lambda known=tuple(began): new(api, known), "the next one begins"))
        if began[-1] != urgent:
            assert_fair(api, shops, began[-1])
    assert began[4] == urgent, "the highest priority was next"
    assert operator.healthy()

    for key, job in running(api).items():
        shops[key[0]].finish_pods(job, DONE)
    for shop in shops.values():
        shop.kubectl("wait", "--for=condition=Finished", "imagebatches", "--all", "--timeout=30s")


def new(api: Api, known: tuple[Batch, ...]) -> Batch | None:
    return next((key for key in running(api) if key not in known), None)


def assert_fair(api: Api, shops: dict[str, Namespace], begun: Batch) -> None:
    """No more than four run, and no namespace that has one waiting has fewer than the batch's had
    before it began.
    """
    counts = Counter(namespace for namespace, _ in running(api))
    assert counts.total() <= 4
    before = counts[begun[0]] - 1
    assert all(counts[namespace] >= before for namespace in shops if queued(shops[namespace]))


def queued(shop: Namespace) -> list[dict[str, dict[str, Any]]]:
    items = json.loads(shop.kubectl("get", "imagebatches", "-o", "json"))["items"]
    return [one for one in items if one.get("status", {}).get("phase") == "Pending"]
