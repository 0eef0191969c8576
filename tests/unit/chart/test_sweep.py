"""Claims about the sweeper's CronJob: one in each namespace, that reaches this namespace alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imagebatch_core.environment import PREFIX, variable
from imagebatch_sweep.settings import Settings

from .conftest import NAMESPACE, Rendered

Render = Callable[..., Rendered]
NAME = "imagebatch-sweep"
OWN = {"shop": {"secretName": "shop-s3"}}


def job(chart: Rendered, namespace: str = NAMESPACE) -> dict[str, Any]:
    made: dict[str, Any] = chart.one("CronJob", NAME, namespace)["spec"]["jobTemplate"]["spec"]
    return made


def container(chart: Rendered, namespace: str = NAMESPACE) -> dict[str, Any]:
    [found] = job(chart, namespace)["template"]["spec"]["containers"]
    return dict(found)


def env(chart: Rendered, namespace: str = NAMESPACE) -> dict[str, str]:
    return {e["name"]: e["value"] for e in container(chart, namespace)["env"] if "value" in e}


def test_each_namespace_is_swept_with_its_own_key_pair(render: Render) -> None:
    chart = render(namespaces=["shop"], s3={"existingSecret": "home-s3", "credentials": OWN})
    for namespace, secret in ((NAMESPACE, "home-s3"), ("shop", "shop-s3")):
        assert env(chart, namespace)["IMAGEBATCH_NAMESPACE"] == namespace
        refs = [
            e["valueFrom"]["secretKeyRef"]
            for e in container(chart, namespace)["env"]
            if "valueFrom" in e
        ]
        assert {ref["name"] for ref in refs} == {secret}
        account = job(chart, namespace)["template"]["spec"]["serviceAccountName"]
        chart.one("ServiceAccount", account, namespace)


def test_its_account_may_list_batches_and_nothing_else(render: Render) -> None:
    chart = render(namespaces=["shop"])
    for namespace in (NAMESPACE, "shop"):
        [rule] = chart.one("Role", NAME, namespace)["rules"]
        assert rule == {
            "apiGroups": ["imagebatch.dev"],
            "resources": ["imagebatches"],
            "verbs": ["list"],
        }
        binding = chart.one("RoleBinding", NAME, namespace)
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
        ]
    bound = [
        one["metadata"]["name"]
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for one in chart.all(kind)
        if any(subject.get("name") == NAME for subject in one["subjects"])
    ]
    assert set(bound) == {NAME}


def test_it_is_locked_down_as_the_other_pods_are(render: Render) -> None:
    pod = job(render())["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["containers"][0]["resources"]["limits"]


def test_it_may_dial_the_api_server_and_the_bucket_alone(render: Render) -> None:
    chart = render(s3={"endpoint": "http://s3.example.com:9000"})
    policy = chart.one("NetworkPolicy", NAME)["spec"]
    labels = job(chart)["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["ingress"] == []
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 6443, 9000}


def test_its_settings_are_those_of_the_chart(render: Render) -> None:
    ages = {"deletedMinutes": 5, "uploadsHours": 48, "sourcesDays": 1, "unfinishedHours": 2.5}
    chart = render(s3={"prefix": "team"}, sweep={**ages, "historyDays": 30})
    settings = Settings.from_env(env(chart))
    assert settings.store == "s3://pictures/team"
    assert settings.sweep_deleted_minutes == 5
    assert settings.sweep_uploads_hours == 48
    assert settings.sweep_sources_days == 1
    assert settings.sweep_unfinished_hours == 2.5
    assert settings.sweep_history_days == 30
    set_ = {name for name in env(chart) if name.startswith(PREFIX)}
    assert set_ <= {variable(field) for field in Settings.model_fields}


@pytest.mark.parametrize("dry", [False, True])
def test_a_dry_run_can_be_asked_for(render: Render, dry: bool) -> None:
    made = container(render(sweep={"dryRun": dry}))
    assert made["command"] == ["imagebatch-sweep"]
    assert made.get("args", []) == (["--dry-run"] if dry else [])


def test_two_runs_never_overlap_and_it_can_be_stopped(render: Render) -> None:
    spec = render(sweep={"suspend": True}).one("CronJob", NAME)["spec"]
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", True)
