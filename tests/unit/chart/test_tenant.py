"""The chart for a namespace's owner makes what the release would make there, nothing elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.names import NAMESPACE_CEILINGS
from imagebatch_operator.runner_config import RunnerConfig
from imagebatch_operator.s3_secret import S3Secret
from support.helm import CHARTS, rendered

from .conftest import NAMESPACE, REGISTRY, HelmFailed, Rendered, helm

Render = Callable[..., Rendered]
TENANT = CHARTS / "imagebatch-tenant"
VALUES: dict[str, Any] = {
    "operatorNamespace": NAMESPACE,
    "images": {"registry": REGISTRY},
    "s3": {
        "bucket": "pictures",
        "existingSecret": "shop-s3",
        "publicBaseUrl": "https://cdn.example.com",
    },
}


def tenant(**values: Any) -> Rendered:
    return Rendered(rendered("imagebatch-tenant", "shop", {**VALUES, **values}))


def _content(chart: Rendered, kind: str, name: str) -> dict[str, Any]:
    """Without what tells the chart: every object carries its labels."""
    found = json.loads(json.dumps(chart.one(kind, name, "shop")))
    text = json.dumps(found).replace("imagebatch-tenant-0.1.0", "imagebatch-0.1.0")
    content: dict[str, Any] = json.loads(text)
    return content


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ServiceAccount", "imagebatch-runner"),
        ("ConfigMap", "imagebatch-runner"),
        ("NetworkPolicy", "imagebatch-runner"),
        ("ServiceAccount", "imagebatch-sweep"),
        ("Role", "imagebatch-sweep"),
        ("RoleBinding", "imagebatch-sweep"),
        ("CronJob", "imagebatch-sweep"),
        ("NetworkPolicy", "imagebatch-sweep"),
        ("Role", "imagebatch-operator"),
        ("RoleBinding", "imagebatch-operator"),
    ],
)
def test_a_tenants_namespace_is_set_up_as_by_the_release(
    render: Render, kind: str, name: str
) -> None:
    common: dict[str, Any] = {
        "egress": {"allow": ["catalogue.shop.svc", "10.1.0.0/16"], "s3Allow": ["catalogue"]},
        "runner": {"settings": {"fetchPerHost": 3}},
    }
    release = render(
        egress=common["egress"],
        runner={**common["runner"], "namespaces": ["shop"]},
        s3={
            "credentials": {"shop": {"secretName": "shop-s3"}},
            "publicBaseUrl": "https://cdn.example.com",
        },
    )
    assert _content(tenant(**common), kind, name) == _content(release, kind, name)


def test_nothing_is_made_outside_the_namespace() -> None:
    for one in tenant(quota={"pods": 10}).objects:
        assert one["metadata"]["namespace"] == "shop"
        assert not one["kind"].startswith("Cluster")


def test_a_quota_is_made_if_one_is_given() -> None:
    assert tenant().all("ResourceQuota") == []
    (quota,) = tenant(quota={"count/jobs.batch": 50}).all("ResourceQuota")
    assert quota["spec"]["hard"] == {"count/jobs.batch": 50}


def test_ceilings_reach_the_operator_by_the_runners_config_map(render: Render) -> None:
    def told(chart: Rendered) -> RunnerConfig:
        return RunnerConfig.parse(chart.one("ConfigMap", "imagebatch-runner")["data"])

    given = {"parallelism": 3, "imagesPerShard": {"from": 10, "to": 200}, "images": 1_000_000}
    assert told(tenant(limits=given)).ceilings == Ceilings.model_validate(given)
    assert told(tenant()) == RunnerConfig(S3Secret("shop-s3"))
    release = render(limits=given, namespaces=[NAMESPACE])
    assert NAMESPACE_CEILINGS not in release.one("ConfigMap", "imagebatch-runner")["data"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"limits": {"imagesPerShard": {"from": 9, "to": 5}}}, "from 9 is more than to 5"),
        ({"limits": {"runningBatches": 5}}, "Additional property"),
        ({"operatorNamespace": ""}, "operatorNamespace is required"),
        ({"operatorNamespace": "shop"}, "operatorNamespace is this namespace"),
        ({"images": {"registry": ""}}, "images.registry is required"),
        ({"s3": {**VALUES["s3"], "bucket": ""}}, "s3.bucket is required"),
        ({"s3": {"bucket": "b"}}, "s3.publicBaseUrl"),
        ({"s3": {**VALUES["s3"], "credentials": {}}}, "Additional property"),
        ({"runner": {"namespaces": []}}, "Additional property"),
    ],
)
def test_what_is_missing_or_misspelled_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(HelmFailed, match=words):
        helm("template", "t", str(TENANT), "--namespace", "shop", values={**VALUES, **values})


def test_values_that_both_charts_have_are_checked_alike() -> None:
    schemas = [
        json.loads((CHARTS / name / "values.schema.json").read_text())
        for name in ("imagebatch", "imagebatch-tenant")
    ]
    own = {"operatorNamespace", "quota"}

    def compare(release: dict[str, Any], mine: dict[str, Any], where: str) -> None:
        properties = mine.get("properties", {})
        for key, schema in properties.items():
            if not where and key in own:
                continue
            assert key in release["properties"], f"{where}.{key}"
            if "properties" in schema:
                compare(release["properties"][key], schema, f"{where}.{key}")
            else:
                assert schema == release["properties"][key], f"{where}.{key}"

    compare(*schemas, "")


def test_defaults_that_both_charts_have_are_the_same() -> None:
    release, mine = (
        yaml.safe_load((CHARTS / name / "values.yaml").read_text())
        for name in ("imagebatch", "imagebatch-tenant")
    )
    mine["networkPolicy"]["apiServer"]["lookup"] = True  # an owner may not read it

    def compare(release: Any, mine: Any, where: str) -> None:
        if isinstance(mine, dict) and mine:
            for key in mine:
                if where or key not in ("operatorNamespace", "quota"):
                    compare(release[key], mine[key], f"{where}.{key}")
        else:
            assert mine == release, where

    compare(release, mine, "")
    for section in ("sweep", "egress"):
        assert set(mine[section]) == set(release[section])


def test_the_chart_passes_lint() -> None:
    helm("lint", str(TENANT), "--strict", values=VALUES)
