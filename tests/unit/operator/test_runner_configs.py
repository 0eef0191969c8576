"""Claims about the runner's ConfigMap: the Secret that it names, and its owner's ceilings."""

from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.job import Step
from imagebatch_operator.cluster.client import core_path
from imagebatch_operator.cluster.runner_configs import RunnerConfigs
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.runner_config import RunnerConfig
from imagebatch_operator.s3_secret import DEFAULT, S3Secret
from imagebatch_operator.settings import Settings
from unit.operator.builders import batch
from unit.operator.fakecluster import FakeCluster

SETTINGS = Settings(runner_image="r")
PATH = core_path("shop", "configmaps", names.RUNNER_CONFIG_MAP)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({}, DEFAULT),
        ({names.S3_SECRET_NAME: ""}, None),
        ({names.S3_SECRET_NAME: "ours"}, S3Secret("ours")),
        (
            {
                names.S3_SECRET_NAME: "ours",
                names.S3_SECRET_KEY_OF_ID: "user",
                names.S3_SECRET_KEY_OF_SECRET: "pass",
            },
            S3Secret("ours", "user", "pass"),
        ),
    ],
)
def test_the_config_map_names_the_secret(data: dict[str, str], found: S3Secret | None) -> None:
    assert S3Secret.named_by(data) == found


def container(secret: S3Secret | None) -> dict[str, Any]:
    job = construct_job(batch().build(), CreateJob(Step.PLAN, 1), SETTINGS, secret)
    [found] = job["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_pods_get_the_two_halves_of_the_pair_and_nothing_else_of_the_secret() -> None:
    made = container(S3Secret("ours", "user", "pass"))
    refs = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in made["env"] if "AWS" in e["name"]}
    assert refs == {
        "AWS_ACCESS_KEY_ID": {"name": "ours", "key": "user"},
        "AWS_SECRET_ACCESS_KEY": {"name": "ours", "key": "pass"},
    }
    assert made["envFrom"] == [{"configMapRef": {"name": names.RUNNER_CONFIG_MAP}}]


def test_pods_with_workload_identity_name_no_secret() -> None:
    assert "secretKeyRef" not in str(container(None))


async def test_a_changed_name_is_seen_after_half_a_minute_and_costs_one_read() -> None:
    cluster, now = FakeCluster(), [0.0]
    configs = RunnerConfigs(cluster, lambda: now[0])
    assert (await configs.of("shop")).secret == DEFAULT
    cluster.add(PATH, {"metadata": {"name": "x"}, "data": {names.S3_SECRET_NAME: "ours"}})
    now[0] = 29.0
    assert (await configs.of("shop")).secret == DEFAULT
    assert cluster.reads == [PATH]
    now[0] = 31.0
    assert (await configs.of("shop")).secret == S3Secret("ours")


async def test_a_namespace_without_the_config_map_has_the_default_names() -> None:
    assert await RunnerConfigs(FakeCluster()).of("elsewhere") == RunnerConfig()


def test_the_config_map_has_the_ceilings_of_the_namespaces_owner() -> None:
    text = '{"parallelism": 2, "imagesPerShard": {"to": 100}, "images": 5000}'
    found = RunnerConfig.parse({names.NAMESPACE_CEILINGS: text})
    assert found == RunnerConfig(ceilings=Ceilings.model_validate_json(text))
    assert RunnerConfig.parse({}).ceilings == NO_CEILINGS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "CEILINGS: Value error, not JSON"),
        ('{"parallelism": 0}', "CEILINGS.parallelism: Input should be greater than"),
        ("[" * 100_000, "CEILINGS: longer than 300 characters"),
        ("[" * 300, "CEILINGS: Value error, not JSON"),
        ('{"parallelism": 1e999}', "CEILINGS.parallelism: Input should be a finite number"),
        ('{"pods": 3}', "CEILINGS.pods: Extra inputs are not permitted"),
    ],
)
def test_ceilings_that_cannot_be_read_are_a_problem(text: str, problem: str) -> None:
    found = RunnerConfig.parse({names.NAMESPACE_CEILINGS: text})
    assert found.ceilings == NO_CEILINGS
    assert found.problem is not None
    assert found.problem.startswith(problem)
