"""What the API server lets the operator's account create, change and delete."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from hosttools.errors import CommandFailed
from imagebatch_core.job import Step
from imagebatch_core.resource import ImageBatch
from imagebatch_operator import jobs
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.s3_secret import S3Secret
from imagebatch_operator.settings import Settings
from integration.chart.conftest import (
    ELSEWHERE,
    HOME,
    RUNNER_IMAGE,
    SHOP,
    VALUES,
    apply,
    wait_for_policies,
)
from localcluster.controlplane import ControlPlane
from support.helm import rendered

SETTINGS = Settings(
    runner_image=RUNNER_IMAGE,
    fetch_credentials_secret="image-hosts",
    runner_placement={"nodeSelector": {"pool": "batch"}, "tolerations": [{"operator": "Exists"}]},
    runner_pod_annotations={"sidecar.istio.io/inject": "false"},
    runner_scratch_request="1Gi",
    runner_runtime_class="gvisor",
    runner_host_users=False,
)
PAIR = S3Secret("shop-s3")
STEPS = {Step.PLAN: 0, Step.COMPRESS: 3, Step.COLLECT: 0}
Body = dict[str, Any]


def batch_body() -> Body:
    return {
        "apiVersion": "imagebatch.dev/v1alpha1",
        "kind": "ImageBatch",
        "metadata": {
            "name": "spring",
            "namespace": SHOP,
            "uid": "0d1c7c1e-58c8-4f0c-9f3e-1f7f0c5b7f11",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {"source": {"inline": "S. No.,Product Name,Input Image Urls\n"}},
    }


def batch() -> ImageBatch:
    return ImageBatch.from_object(batch_body())


def job(step: Step = Step.PLAN) -> Body:
    return jobs.construct_job(batch(), CreateJob(step, 1, shards=STEPS[step]), SETTINGS, PAIR)


AS_OPERATOR = ("--as", f"system:serviceaccount:{HOME}:imagebatch-operator")


def create(plane: ControlPlane, body: Body, user: tuple[str, ...] = AS_OPERATOR) -> None:
    """As the operator's account; nothing is stored."""
    arguments = ("create", "-f", "-", "--dry-run=server", *user)
    plane.kubectl(*arguments, stdin=json.dumps(body))


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_the_runner_may_be_created(plane: ControlPlane, step: Step) -> None:
    create(plane, job(step))
    create(plane, jobs.inline_config_map(batch()))


def test_what_a_batch_chooses_for_its_pods_is_not_refused(plane: ControlPlane) -> None:
    runner = {
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "4Gi"}},
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "priorityClassName": "batch",
        "podLabels": {"team": "shop"},
        "podAnnotations": {"example.com/cost": "shop"},
    }
    spec = {"source": {"url": "https://a.example/products.csv"}, "runner": runner}
    chosen = ImageBatch.from_object({**batch_body(), "spec": spec})
    action = CreateJob(Step.COMPRESS, 1, shards=3)
    create(plane, jobs.construct_job(chosen, action, SETTINGS, PAIR))


def pod(body: Body) -> Body:
    found: Body = body["spec"]["template"]["spec"]
    return found


def container(body: Body) -> Body:
    found: Body = pod(body)["containers"][0]
    return found


def volume(**source: Any) -> Callable[[Body], Any]:
    return lambda body: pod(body)["volumes"].append({"name": "more", **source})


def variable(**fields: Any) -> Callable[[Body], Any]:
    return lambda body: container(body)["env"].append(fields)


def secret_variable(variable_name: str, secret: str) -> Callable[[Body], Any]:
    reference = {"secretKeyRef": {"name": secret, "key": "k"}}
    return variable(name=variable_name, valueFrom=reference)


SIDECAR = {"name": "more", "image": RUNNER_IMAGE, "args": ["plan"]}
#: What a stolen token of the operator would be used for → the words of the refusal.
FOREIGN: dict[str, tuple[Callable[[Body], Any], str]] = {
    "image": (lambda b: container(b).update(image="evil:1"), "only the runner's image"),
    "command": (lambda b: container(b).update(command=["sh"]), "only a step of the runner"),
    "arguments": (lambda b: container(b).update(args=["local"]), "only a step of the runner"),
    "second container": (lambda b: pod(b)["containers"].append(SIDECAR), "only one container"),
    "init container": (lambda b: pod(b).update(initContainers=[SIDECAR]), "only one container"),
    "hook": (
        lambda b: container(b).update(lifecycle={"preStop": {"exec": {"command": ["sh"]}}}),
        "hooks and probes",
    ),
    "account": (lambda b: pod(b).update(serviceAccountName="default"), "service account"),
    "token": (lambda b: pod(b).update(automountServiceAccountToken=True), "no token"),
    "host network": (
        lambda b: pod(b).update(hostNetwork=True, hostUsers=True),
        "no namespace of the host",
    ),
    "host processes": (
        lambda b: pod(b).update(hostPID=True, hostUsers=True),
        "no namespace of the host",
    ),
    "node": (lambda b: pod(b).update(nodeName="one"), "neither a node nor"),
    "names of hosts": (
        lambda b: pod(b).update(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["s3"]}]),
        "neither a node nor",
    ),
    "privileges": (
        lambda b: container(b)["securityContext"].update(
            privileged=True, allowPrivilegeEscalation=True
        ),
        "no privileges",
    ),
    "capability": (
        lambda b: container(b)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
        "no privileges",
    ),
    "root": (lambda b: pod(b)["securityContext"].update(runAsUser=0), "as root"),
    "root of the container": (
        lambda b: container(b)["securityContext"].update(runAsUser=0),
        "no privileges",
    ),
    "folder of the node": (volume(hostPath={"path": "/"}), "only scratch space"),
    "Secret of another": (volume(secret={"secretName": "tls"}), "only scratch space"),
    "projected Secret": (
        volume(projected={"sources": [{"secret": {"name": "tls"}}]}),
        "only scratch space",
    ),
    "projected token": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]}),
        "only scratch space",
    ),
    "claim": (volume(persistentVolumeClaim={"claimName": "data"}), "only scratch space"),
    "environment of a Secret": (
        lambda b: container(b).update(envFrom=[{"secretRef": {"name": "shop-s3"}}]),
        "the environment may come from",
    ),
    "environment of another ConfigMap": (
        lambda b: container(b).update(envFrom=[{"configMapRef": {"name": "mine"}}]),
        "the environment may come from",
    ),
    "value of another Secret": (secret_variable("AWS_ACCESS_KEY_ID", "tls"), "only the runner's"),
    "key pair under another name": (secret_variable("X", "shop-s3"), "only the runner's"),
    "another store": (
        variable(name="AWS_ENDPOINT_URL", value="http://evil.example"),
        "only the runner's variables",
    ),
    "another preload": (variable(name="LD_PRELOAD", value="/tmp/x"), "only the runner's variables"),
    "Secret of a registry": (
        lambda b: pod(b).update(imagePullSecrets=[{"name": "tls"}]),
        "images.pullSecrets",
    ),
    "no owner": (lambda b: b["metadata"].update(ownerReferences=[]), "belong to an ImageBatch"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_job_that_is_not_the_runners_is_refused(plane: ControlPlane, what: str) -> None:
    change, words = FOREIGN[what]
    body = copy.deepcopy(job())
    change(body)
    with pytest.raises(CommandFailed, match=words):
        create(plane, body)
    create(plane, body, user=())  # the policy is for the operator alone


def test_a_config_map_of_nobody_is_refused(plane: ControlPlane) -> None:
    body = jobs.inline_config_map(batch())
    body["metadata"]["ownerReferences"] = []
    with pytest.raises(CommandFailed, match="belong to an ImageBatch"):
        create(plane, body)


def test_jobs_of_others_are_neither_deleted_nor_changed(plane: ControlPlane) -> None:
    metadata = {"name": "theirs", "namespace": SHOP}
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    theirs = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"suspend": True, "template": template},
    }
    plane.kubectl("create", "-f", "-", stdin=json.dumps(theirs))
    operator = ("-n", SHOP, *AS_OPERATOR)
    with pytest.raises(CommandFailed, match="belong to an ImageBatch"):
        plane.kubectl(*operator, "delete", "job", "theirs", "--wait=false")
    patch = ("--type=merge", "-p", '{"spec": {"suspend": false}}')
    with pytest.raises(CommandFailed, match="belong to an ImageBatch"):
        plane.kubectl(*operator, "patch", "job", "theirs", *patch)
    plane.kubectl("-n", SHOP, "delete", "job", "theirs")


def test_a_job_of_a_former_image_can_be_suspended_and_deleted_and_not_made_another(
    plane: ControlPlane,
) -> None:
    # With an owner that exists: the garbage collector takes any other Job.
    owner = {
        "apiVersion": "imagebatch.dev/v1alpha1",
        "kind": "ImageBatch",
        "metadata": {"name": "former", "namespace": SHOP},
        "spec": {"source": {"inline": "S. No.,Product Name,Input Image Urls\n"}},
    }
    made = plane.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(owner))
    former = job()
    container(former)["image"] = "registry.example/imagebatch/runner:0"
    former["metadata"]["name"] = name = "former"
    [reference] = former["metadata"]["ownerReferences"]
    reference.update(name="former", uid=json.loads(made)["metadata"]["uid"])
    former["spec"]["suspend"] = True
    plane.kubectl("create", "-f", "-", stdin=json.dumps(former))
    patch = ("-n", SHOP, *AS_OPERATOR, "patch", "job", name, "--type=merge", "-p")
    plane.kubectl(*patch, '{"spec": {"parallelism": 2}}')
    moved = {"spec": {"template": {"spec": {"nodeSelector": {"pool": "theirs"}}}}}
    with pytest.raises(CommandFailed, match="only the runner's image"):
        plane.kubectl(*patch, json.dumps(moved))
    plane.kubectl("-n", SHOP, *AS_OPERATOR, "delete", "job", name, "--wait=false")
    plane.kubectl("-n", SHOP, "delete", "imagebatch", "former")


def test_where_the_runner_is_not_set_up_nothing_is_created(plane: ControlPlane) -> None:
    body = job()
    body["metadata"]["namespace"] = ELSEWHERE
    with pytest.raises(CommandFailed, match="forbidden"):
        create(plane, body)


def test_a_second_installation_runs_batches_as_the_first(plane: ControlPlane) -> None:
    """``helm uninstall`` deletes all but what has the annotation ``keep``."""
    kept = {"helm.sh/resource-policy": "keep"}
    everything = rendered("imagebatch", HOME, VALUES)
    gone = [
        one
        for one in everything
        if one["kind"].startswith("ValidatingAdmission") or one["kind"] == "ConfigMap"
        if kept.items().isdisjoint((one["metadata"].get("annotations") or {}).items())
    ]
    assert len(gone) < len(everything)
    listed = {"apiVersion": "v1", "kind": "List", "items": gone}
    plane.kubectl("delete", "-f", "-", stdin=json.dumps(listed))
    time.sleep(3)  # the API server looks at its policies once a second
    apply(plane, *gone)
    wait_for_policies(plane)
    create(plane, job())
