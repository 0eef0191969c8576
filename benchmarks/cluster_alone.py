"""A batch as one process beside which nothing else runs, in the cluster: what ``local`` does.

``imagebatch-runner local`` plans, compresses and collects in one process, and so does this pod:
with the same image host and the same S3 as a batch, and as many decoders as all its pods together.
"""

from __future__ import annotations

import json
import time
from typing import Any, Final
from uuid import uuid4

from imagebatch_core import names
from imagebatch_core.job import Step
from stack.stack import Stack

_NAME: Final = "bench-alone"
_KEY: Final = "products.csv"
_LONGEST: Final = 1200.0


def seconds_alone(stack: Stack, text: str, images: int, decoders: int) -> float:
    """Return the seconds that one process takes for a CSV of ``images`` images."""
    stack.batches("delete", "pod,configmap", _NAME, "--ignore-not-found", "--wait=true")
    metadata = {"name": _NAME, "labels": {"app.kubernetes.io/name": "imagebatch-runner"}}
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {_KEY: text}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": _spec(_runner_image(stack), _job(stack, images), decoders),
    }
    for manifest in (source, pod):
        stack.kubectl("-n", stack.namespace, "create", "-f", "-", stdin=json.dumps(manifest))
    end = time.monotonic() + _LONGEST
    while (phase := _phase(stack)) not in ("Succeeded", "Failed") and time.monotonic() < end:
        time.sleep(1)
    log = stack.batches("logs", _NAME)
    if phase != "Succeeded":
        raise RuntimeError(f"the pod {_NAME} is {phase}: {log[-2000:]}")
    return _seconds(log)


def _seconds(log: str) -> float:
    """Return the seconds of all three steps, which the runner logs at the end of each.

    Raises RuntimeError if a step is missing.
    """
    events = [json.loads(line) for line in log.splitlines()]
    took = {event["step"]: event["seconds"] for event in events if "seconds" in event}
    if took.keys() != {step.value for step in Step}:
        raise RuntimeError(f"the process did {', '.join(took)} only")
    return float(sum(took.values()))


def _job(stack: Stack, images: int) -> str:
    document = {
        "namespace": stack.namespace,
        "name": _NAME,
        "uid": str(uuid4()),
        "source": {"path": f"{names.SOURCE_MOUNT}/{_KEY}"},
        "imagesPerShard": images,
    }
    return json.dumps(document)


def _runner_image(stack: Stack) -> str:
    deployment = json.loads(stack.batches("get", "deployment", "imagebatch-operator", "-o", "json"))
    [operator] = deployment["spec"]["template"]["spec"]["containers"]
    return str(next(e["value"] for e in operator["env"] if e["name"] == "IMAGEBATCH_RUNNER_IMAGE"))


def _phase(stack: Stack) -> str:
    return stack.batches("get", "pod", _NAME, "-o", "jsonpath={.status.phase}").strip()


def _spec(image: str, job: str, decoders: int) -> dict[str, Any]:
    pair = [
        {
            "name": name,
            "valueFrom": {"secretKeyRef": {"name": names.RUNNER_STORAGE_SECRET, "key": name}},
        }
        for name in names.KEY_PAIR
    ]
    return {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "runner",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "args": [Step.PLAN.value],
                "env": [
                    {"name": names.ENV_JOB, "value": job},
                    {"name": "IMAGEBATCH_DECODERS", "value": str(decoders)},
                    *pair,
                ],
                "envFrom": [{"configMapRef": {"name": names.RUNNER_CONFIG_MAP}}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod
                    {"name": "source", "mountPath": names.SOURCE_MOUNT, "readOnly": True},
                ],
            }
        ],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "source", "configMap": {"name": _NAME}},
        ],
    }
