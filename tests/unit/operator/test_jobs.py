from __future__ import annotations

import json
import re
from typing import Any

import pytest

from imagebatch_core import names
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import RunnerJob, Step
from imagebatch_core.names import ENV_JOB, LABEL_KUEUE_QUEUE
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.jobs import construct_job, inline_config_map, job_name
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.observed import JobView
from imagebatch_operator.runner_document import runner_job
from imagebatch_operator.settings import Settings
from unit.operator.builders import CSV, UID, batch

SETTINGS = Settings(runner_image="registry.example/runner:1", runner_pull_secrets=("pull",))
PLAN, COLLECT = CreateJob(Step.PLAN, 1), CreateJob(Step.COLLECT, 1)
SHARDS = CreateJob(Step.COMPRESS, 2, chunk=1, shards=700)


def construct(built: ImageBatch, action: CreateJob) -> dict[str, Any]:
    return construct_job(built, action, SETTINGS)


def pod(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def told(job: dict[str, Any]) -> RunnerJob:
    env = {e["name"]: e.get("value") for e in pod(job)["containers"][0]["env"]}
    return RunnerJob.model_validate_json(env[ENV_JOB])


def test_names_say_batch_step_and_run_and_fit_a_label() -> None:
    assert job_name(batch().build(), Step.PLAN, 0, 1) == f"spring-{UID[:8]}-plan-r1"
    assert job_name(batch().build(), Step.COMPRESS, 12, 3) == f"spring-{UID[:8]}-s12-r3"
    for name in ("x" * 253, "a.b", "a" * 39 + "-b", "a" * 39 + ".b", "0"):
        made = job_name(batch().named(name).build(), Step.COMPRESS, 999, 99)
        assert len(made) <= 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", made)


@pytest.mark.field("spec.parallelism")
def test_shards_are_an_indexed_job_without_a_pod_failure_policy() -> None:
    spec = construct(batch().spec(parallelism=7).build(), SHARDS)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (spec["completions"], spec["parallelism"]) == (700, 7)
    assert spec["backoffLimitPerIndex"] == 6
    assert spec["podReplacementPolicy"] == "TerminatingOrFailed"
    for absent in ("podFailurePolicy", "maxFailedIndexes", "backoffLimit", "suspend"):
        assert absent not in spec


@pytest.mark.parametrize("action", [SHARDS, CreateJob(Step.COMPRESS, 2, numbers="1,3", shards=2)])
def test_a_shard_job_is_the_same_whatever_the_size_of_its_shards(action: CreateJob) -> None:
    """So retries of an index, the second run of failed ones and the limit of indexes are, too."""
    made = [construct(batch().shards(700, each=each).build(), action) for each in (50, 5000)]
    assert made[0] == made[1]


@pytest.mark.parametrize("action", [PLAN, SHARDS, COLLECT])
def test_pods_are_restricted_and_tokenless(action: CreateJob) -> None:
    job = construct(batch().build(), action)
    spec = pod(job)
    [container] = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["terminationMessagePolicy"] == "File"
    assert spec["terminationGracePeriodSeconds"] == 60
    assert container["args"] == [action.step.value]
    assert "command" not in container
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("action", [PLAN, SHARDS, COLLECT])
def test_jobs_are_owned_by_their_batch_and_read_back_as_what_they_are(action: CreateJob) -> None:
    job = construct(batch().build(), action)
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (UID, True)
    job["metadata"] |= {"creationTimestamp": "2026-01-02T03:04:05Z", "uid": "uid-of-job"}
    view = JobView.from_object(json.loads(json.dumps(job)))
    assert (view.step, view.chunk, view.run) == (action.step, action.chunk, action.run)
    assert view.batch_uid == UID


def test_the_queue_label_goes_onto_every_job() -> None:
    for action in (PLAN, SHARDS, COLLECT):
        labels = construct(batch().queued("team-a").build(), action)["metadata"]["labels"]
        assert labels[LABEL_KUEUE_QUEUE] == "team-a"
    assert LABEL_KUEUE_QUEUE not in construct(batch().build(), PLAN)["metadata"]["labels"]


def test_a_later_job_of_a_large_batch_says_where_its_shards_begin() -> None:
    assert told(construct(batch().build(), SHARDS)).first_shard == 10_000
    assert told(construct(batch().build(), CreateJob(Step.COMPRESS, 1, shards=3))).first_shard == 0


def test_plan_chooses_the_size_of_a_shard_by_the_pods_at_once_if_the_batch_leaves_it_out() -> None:
    plan = told(construct(batch().spec(parallelism=7).build(), PLAN))
    assert (plan.images_per_shard, plan.parallelism) == (None, 7)
    assert told(construct(batch().spec(imagesPerShard=20).build(), PLAN)).images_per_shard == 20


def test_another_parallelism_does_not_make_a_shard_job_outdated() -> None:
    few, many = (construct(batch().spec(parallelism=n).build(), SHARDS) for n in (2, 9))
    assert few["spec"]["template"] == many["spec"]["template"]


@pytest.mark.field("spec.source.inline")
def test_only_plan_mounts_an_inline_source() -> None:
    built = batch().build()
    job = construct(built, PLAN)
    source = told(job).source
    assert source.path == "/var/run/imagebatch/source/products.csv"
    names = [v["configMap"]["name"] for v in pod(job)["volumes"] if "configMap" in v]
    made = inline_config_map(built)
    assert names == [made["metadata"]["name"]]
    assert made["data"] == {"products.csv": CSV}
    for action in (SHARDS, COLLECT):
        assert not [v for v in pod(construct(built, action))["volumes"] if "configMap" in v]


@pytest.mark.field("spec.source.configMap.name", "spec.source.configMap.key")
def test_a_config_map_source_is_mounted_by_its_own_name_and_key() -> None:
    source = {"configMap": {"name": "mine", "key": "list.csv"}}
    job = construct(batch().spec(source=source).build(), PLAN)
    assert told(job).source.path == "/var/run/imagebatch/source/list.csv"
    assert pod(job)["volumes"][1]["configMap"]["name"] == "mine"


@pytest.mark.parametrize(
    ("source", "field", "value"),
    [
        ({"s3": {"key": "shop/uploads/a.csv"}}, "key", "shop/uploads/a.csv"),
        ({"url": "https://lists.example/a.csv"}, "url", "https://lists.example/a.csv"),
    ],
)
def test_other_sources_need_no_mount(source: dict[str, Any], field: str, value: str) -> None:
    job = construct(batch().spec(source=source).build(), PLAN)
    assert getattr(told(job).source, field) == value
    assert len(pod(job)["volumes"]) == 1


def test_pods_that_fetch_mount_the_secret_of_request_headers_read_only() -> None:
    settings = Settings(runner_image="r", fetch_credentials_secret="shop-headers")
    for action in (PLAN, SHARDS):
        spec = pod(construct_job(batch().build(), action, settings))
        [volume] = [v for v in spec["volumes"] if v["name"] == "credentials"]
        assert volume["secret"] == {"secretName": "shop-headers", "defaultMode": 0o440}
        [container] = spec["containers"]
        [mount] = [m for m in container["volumeMounts"] if m["name"] == "credentials"]
        assert mount["readOnly"] is True
        env = {e["name"]: e.get("value") for e in container["env"]}
        told = env["IMAGEBATCH_FETCH_CREDENTIALS_FILE"]
        assert told == f"{mount['mountPath']}/credentials.json"


def test_no_secret_is_mounted_by_collect_or_when_none_is_named() -> None:
    settings = Settings(runner_image="r", fetch_credentials_secret="shop-headers")
    for job in (
        construct_job(batch().build(), COLLECT, settings),
        construct(batch().build(), PLAN),
    ):
        assert "credentials" not in json.dumps(job).lower()


def test_constructing_twice_gives_the_same_job() -> None:
    assert construct(batch().build(), PLAN) == construct(batch().build(), PLAN)


@pytest.mark.parametrize("action", [PLAN, SHARDS, COLLECT])
def test_pods_run_where_the_settings_say(action: CreateJob) -> None:
    placement = {"nodeSelector": {"pool": "spot"}, "priorityClassName": "batch"}
    env = {
        "IMAGEBATCH_RUNNER_IMAGE": "r:1",
        "IMAGEBATCH_RUNNER_PLACEMENT": json.dumps(placement),
        "IMAGEBATCH_RUNNER_POD_ANNOTATIONS": '{"sidecar.istio.io/inject": "false"}',
    }
    job = construct_job(batch().build(), action, Settings.from_env(env))
    assert placement.items() <= pod(job).items()
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"sidecar.istio.io/inject": "false"}


@pytest.mark.parametrize("action", [PLAN, SHARDS, COLLECT])
def test_scratch_space_has_a_limit_and_the_node_must_have_some_of_it(action: CreateJob) -> None:
    env = {
        "IMAGEBATCH_RUNNER_IMAGE": "r:1",
        "IMAGEBATCH_RUNNER_SCRATCH_SIZE": "7Gi",
        "IMAGEBATCH_RUNNER_SCRATCH_REQUEST": "2Gi",
    }
    made = pod(construct_job(batch().build(), action, Settings.from_env(env)))
    assert made["volumes"][0] == {"name": "tmp", "emptyDir": {"sizeLimit": "7Gi"}}
    requests = made["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "2Gi"}
    made = pod(construct_job(batch().build(), action, Settings(runner_image="r:1")))
    assert "ephemeral-storage" not in made["containers"][0]["resources"]["requests"]


@pytest.mark.parametrize("action", [PLAN, SHARDS, COLLECT])
def test_pods_take_the_runtime_class_and_user_namespace_of_the_settings(action: CreateJob) -> None:
    env = {
        "IMAGEBATCH_RUNNER_IMAGE": "r:1",
        "IMAGEBATCH_RUNNER_RUNTIME_CLASS": "gvisor",
        "IMAGEBATCH_RUNNER_HOST_USERS": "false",
    }
    made = pod(construct_job(batch().build(), action, Settings.from_env(env)))
    assert (made["runtimeClassName"], made["hostUsers"]) == ("gvisor", False)
    made = pod(construct_job(batch().build(), action, Settings(runner_image="r:1")))
    assert not {"runtimeClassName", "hostUsers"} & made.keys()


def test_placement_is_no_way_around_a_pods_security() -> None:
    env = {
        "IMAGEBATCH_RUNNER_IMAGE": "r:1",
        "IMAGEBATCH_RUNNER_PLACEMENT": '{"hostNetwork": true, "nodeSelector": {}}',
    }
    with pytest.raises(ConfigurationRefused, match="hostNetwork: only affinity"):
        Settings.from_env(env)


def test_plan_and_collect_are_told_what_the_record_of_the_request_says() -> None:
    built = batch().spec(webhook={"url": "https://hook.example/a?token=secret"}).build()
    annotations = {
        names.ANNOTATION_FILE_NAME: "mugs.csv",
        names.ANNOTATION_DISPLAY_NAME: "Mugs",
        names.ANNOTATION_CREATED_BY: "alice",
    }
    built = built.model_copy(update={"annotations": annotations})
    for step in (Step.PLAN, Step.COLLECT):
        asked = runner_job(built, CreateJob(step, 1)).asked
        assert asked is not None
        assert (asked.file_name, asked.display_name, asked.created_by) == (
            "mugs.csv",
            "Mugs",
            "alice",
        )
        assert asked.created_at == built.creation_timestamp
        assert asked.webhook_url is not None
        assert "secret" not in asked.webhook_url
    assert runner_job(built, CreateJob(Step.COMPRESS, 1)).asked is None


def test_annotations_longer_than_a_variable_of_a_pod_may_be_do_not_keep_it_from_starting() -> None:
    long = "商" * 80_000
    built = (
        batch()
        .build()
        .model_copy(update={"annotations": {names.ANNOTATION_DISPLAY_NAME: long, "else": long}})
    )
    job = construct_job(built, CreateJob(Step.PLAN, 1), Settings(runner_image="r:1"))
    environment = job["spec"]["template"]["spec"]["containers"][0]["env"]
    document = next(one["value"] for one in environment if one["name"] == names.ENV_JOB)
    assert len(document.encode()) < 16 * 1024
    shown = json.loads(document)["asked"]["displayName"]
    assert long.startswith(shown.removesuffix("…"))
    assert len(shown) > 200
