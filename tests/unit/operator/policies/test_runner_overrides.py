"""What spec.runner may set, and what it makes of the pods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_BATCH_UID
from imagebatch_core.runner_pods import Runner
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.runner_overrides import (
    NO_OVERRIDES,
    Overrides,
    Resources,
    amount,
    not_allowed,
)
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, batch

BASE: Resources = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
ALLOWED = Overrides.model_validate(
    {
        "resources": {"cpu": 4, "memory": "8Gi"},
        "nodeSelector": {"pool": ["spot", "large"]},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "priorityClassNames": ["batch"],
        "podLabels": ["team.example/*", "cost-centre"],
        "podAnnotations": ["sidecar.istio.io/inject"],
    }
)
ASKED: dict[str, Any] = {
    "resources": {"requests": {"cpu": "2"}, "limits": {"memory": "8192Mi"}},
    "nodeSelector": {"pool": "spot"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "batch",
    "podLabels": {"team.example/name": "photos", "cost-centre": "7"},
    "podAnnotations": {"sidecar.istio.io/inject": "false"},
}


def told(asked: dict[str, Any], allowed: Overrides = ALLOWED) -> list[str]:
    return not_allowed(Runner.model_validate(asked), allowed, BASE)


def test_all_that_the_chart_lists_is_allowed() -> None:
    assert told(ASKED) == []
    assert told({}, NO_OVERRIDES) == []


@pytest.mark.parametrize("part", ASKED)
def test_nothing_is_allowed_unless_the_chart_says_so(part: str) -> None:
    found = told({part: ASKED[part]}, NO_OVERRIDES)
    assert found
    assert all(f"spec.runner.{part}" in one and "none is allowed" in one for one in found)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"resources": {"limits": {"memory": "9Gi"}}},
            "memory: 9Gi is not allowed; allowed: cpu up to 4, memory up to 8Gi (runner.overrides",
        ),
        ({"resources": {"requests": {"cpu": "4001m"}}}, "resources.requests.cpu: 4001m"),
        ({"resources": {"limits": {"nvidia.com/gpu": "1"}}}, "limits.nvidia.com/gpu: 1"),
        (
            {"resources": {"limits": {"memory": "128Mi"}}},
            "the request memory 256Mi is more than the limit 128Mi; set both",
        ),
        (
            {"nodeSelector": {"pool": "system"}},
            "nodeSelector: pool=system is not allowed; allowed: pool=spot, pool=large",
        ),
        ({"nodeSelector": {"zone": "spot"}}, "nodeSelector: zone=spot"),
        (
            {"tolerations": [{"operator": "Exists"}]},
            "tolerations: {operator:Exists} is not allowed; allowed: {key:spot,operator:Exists}",
        ),
        (
            {"priorityClassName": "system-node-critical"},
            "priorityClassName: system-node-critical is not allowed; allowed: batch",
        ),
        (
            {"podLabels": {"team.example": "x"}},
            "podLabels: team.example is not allowed; allowed: team.example/*, cost-centre",
        ),
        ({"podLabels": {"cost-centre-2": "x"}}, "podLabels: cost-centre-2"),
        ({"podAnnotations": {"team.example/name": "x"}}, "podAnnotations: team.example/name"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(asked: dict[str, Any], words: str) -> None:
    [found] = told(asked)
    assert words in found


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("500m", "0.5"), ("2", "2"), (4, "4"), (0.5, "0.5"), ("1e3", "1000"), ("1k", "1000"),
        ("1Ki", "1024"), ("1.5Gi", "1610612736"), ("2M", "2000000"), ("1E", "1e18"),
    ],
)  # fmt: skip
def test_quantities_are_compared_by_their_value(quantity: str | float, value: str) -> None:
    assert amount(quantity) == Decimal(value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"podLabels": ["imagebatch.dev/batch"]},
        {"podLabels": ["app.kubernetes.io/*"]},
        {"podLabels": ["app.*"]},
        {"podAnnotations": ["kueue.x-k8s.io/queue-name"]},
        {"resources": {"cpu": "many"}},
        {"hostNetwork": True},
    ],
)
def test_lists_and_caps_that_would_open_too_much_or_mean_nothing_are_refused(
    wrong: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        Overrides.model_validate(wrong)


@pytest.mark.field(
    "spec.runner.resources.requests",
    "spec.runner.resources.limits",
    "spec.runner.nodeSelector",
    "spec.runner.priorityClassName",
    "spec.runner.podLabels",
    "spec.runner.podAnnotations",
)
@pytest.mark.parametrize("step", Step)
def test_the_pods_get_what_the_batch_asks_for_over_what_the_release_gives(step: Step) -> None:
    settings = Settings.model_validate(
        {
            "runner_image": "r",
            "runner_resources": BASE,
            "runner_placement": {
                "nodeSelector": {"pool": "small", "os": "linux"},
                "tolerations": [{"key": "images"}],
                "affinity": {"podAntiAffinity": {}},
            },
            "runner_pod_annotations": {"scrape": "no", "sidecar.istio.io/inject": "true"},
        }
    )
    built = batch().spec(runner=ASKED).build()
    job = construct_job(built, CreateJob(step, 1, shards=1), settings)
    template = job["spec"]["template"]
    pod = template["spec"]
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "2", "memory": "256Mi"},
        "limits": {"memory": "8192Mi"},
    }
    assert pod["nodeSelector"] == {"pool": "spot", "os": "linux"}
    assert pod["tolerations"] == [{"key": "images"}, {"key": "spot", "operator": "Exists"}]
    assert pod["priorityClassName"] == "batch"
    assert pod["affinity"] == {"podAntiAffinity": {}}
    assert template["metadata"]["labels"]["team.example/name"] == "photos"
    assert template["metadata"]["annotations"] == {
        "scrape": "no",
        "sidecar.istio.io/inject": "false",
    }


@pytest.mark.field(
    "spec.runner.tolerations[].key",
    "spec.runner.tolerations[].operator",
    "spec.runner.tolerations[].value",
    "spec.runner.tolerations[].effect",
    "spec.runner.tolerations[].tolerationSeconds",
)
def test_a_toleration_reaches_the_pods_as_it_is_written() -> None:
    asked = {
        "key": "spot",
        "operator": "Equal",
        "value": "yes",
        "effect": "NoExecute",
        "tolerationSeconds": 60,
    }
    built = batch().spec(runner={"tolerations": [asked]}).build()
    job = construct_job(built, CreateJob(Step.PLAN, 1), Settings(runner_image="r"))
    assert job["spec"]["template"]["spec"]["tolerations"] == [asked]


def test_the_operators_own_labels_have_precedence() -> None:
    built = batch().spec(runner={"podLabels": {LABEL_BATCH_UID: "other"}}).build()
    job = construct_job(built, CreateJob(Step.PLAN, 1), Settings(runner_image="r"))
    assert job["metadata"]["labels"][LABEL_BATCH_UID] == UID
