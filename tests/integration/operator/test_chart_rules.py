"""What the chart allows runner pods and keeps of ended batches, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from imagebatch_core.job import RunnerMessage, Step, Totals
from integration.operator.driver import Api, Operator, eventually, new_namespace

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
OVERRIDES = {
    "resources": {"cpu": "4", "memory": "8Gi"},
    "nodeSelector": {"pool": ["spot"]},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "podLabels": ["team.example/*"],
}


def test_runner_pods_are_made_as_the_batch_asks_and_old_batches_go(
    api: Api, operators: Callable[..., Operator]
) -> None:
    operator = operators(
        IMAGEBATCH_NAMESPACES="studio",
        IMAGEBATCH_LEASE_NAMESPACE="studio",
        IMAGEBATCH_RUNNER_OVERRIDES=json.dumps(OVERRIDES),
        IMAGEBATCH_CEILINGS='{"parallelism": 20}',
        IMAGEBATCH_ENDED_BATCHES_PER_NAMESPACE="1",
    )
    with new_namespace(api, "studio") as studio:
        operator.start()
        runner: dict[str, Any] = {
            "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "4Gi"}},
            "nodeSelector": {"pool": "spot"},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "podLabels": {"team.example/name": "photos"},
        }
        studio.add("dressed", runner=runner)
        job = studio.job("dressed", "plan")["metadata"]["name"]
        [pod] = eventually(lambda: studio.pods(job), "its pod")
        assert pod["spec"]["nodeSelector"] == {"pool": "spot"}
        assert {"key": "spot", "operator": "Exists"} in pod["spec"]["tolerations"]
        assert pod["metadata"]["labels"]["team.example/name"] == "photos"
        resources = pod["spec"]["containers"][0]["resources"]
        assert resources["requests"] == {"cpu": "500m", "memory": "256Mi"}
        assert resources["limits"] == {"memory": "4Gi"}

        studio.add("greedy", parallelism=21)
        accepted = eventually(lambda: refused(studio, "greedy"), "refused")
        assert accepted["reason"] == "LimitExceeded"
        assert "21 is more than 20" in accepted["message"]
        studio.patch("greedy", parallelism=20)
        studio.job("greedy", "plan")
        assert studio.condition("greedy", "Accepted")["status"] == "True"

        studio.finish_pods(job, DONE)
        studio.kubectl("wait", "--for=condition=Finished", "imagebatch/dressed", "--timeout=30s")
        studio.add("tolerant", runner={"tolerations": [{"operator": "Exists"}]})
        studio.kubectl("wait", "--for=condition=Finished", "imagebatch/tolerant", "--timeout=30s")
        assert studio.condition("tolerant", "Finished")["reason"] == "RunnerNotAllowed"
        # Two have ended and one is kept: the newer one.
        eventually(lambda: names(studio) == ["greedy", "tolerant"], "the older one is deleted")
        assert operator.healthy()
        operator.stop()


def refused(api: Api, name: str) -> dict[str, Any] | None:
    accepted = api.condition(name, "Accepted")
    return accepted if accepted.get("status") == "False" else None


def names(api: Api) -> list[str]:
    items = json.loads(api.kubectl("get", "imagebatches", "-o", "json"))["items"]
    return sorted(item["metadata"]["name"] for item in items)
