"""S3 and the sample host inside the cluster: Kubernetes objects for the demo and the tests.

Never part of an installation: one pod, its data gone with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

BUCKET = "imagebatch"
KEYS_SECRET = "seaweedfs"  # noqa: S105 - the name of a Secret
NODE_PORT = 30081
#: How pods reach the sample host.
SAMPLE_HOST = "http://samplehost:8080"

# The bucket is made before the pod counts as ready.
_MAKE_BUCKET = (
    f"until echo 's3.bucket.create -name {BUCKET}' | weed shell -master=127.0.0.1:9333 "
    "2>&1 | grep -E 'create|exist'; do sleep 0.3; done"
)


@dataclass(frozen=True, slots=True)
class StorageKeys:
    access: str
    secret: str


def manifests(namespace: str, image: str, keys: StorageKeys) -> dict[str, Any]:
    """All of it as one list; ``image`` is the devtools image."""
    identities = {
        "identities": [
            {
                "name": "imagebatch",
                "credentials": [{"accessKey": keys.access, "secretKey": keys.secret}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEYS_SECRET, "namespace": namespace},
        "stringData": {
            "accessKeyId": keys.access,
            "secretAccessKey": keys.secret,
            "s3.json": json.dumps(identities),
        },
    }
    weed = [
        "weed", "server", "-dir=/data", "-ip=127.0.0.1", "-ip.bind=0.0.0.0",
        "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=200", "-filer",
        "-s3", "-s3.port=8333", "-s3.config=/etc/seaweedfs/s3.json",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    storage = _deployment(
        namespace, "seaweedfs", image, weed, 8333,
        volumes=[
            {"name": "data", "emptyDir": {}},
            {"name": "config", "secret": {"secretName": KEYS_SECRET,
                                          "items": [{"key": "s3.json", "path": "s3.json"}]}},
        ],
        mounts=[{"name": "data", "mountPath": "/data"},
                {"name": "config", "mountPath": "/etc/seaweedfs", "readOnly": True}],
    )  # fmt: skip
    container = storage["spec"]["template"]["spec"]["containers"][0]
    container["lifecycle"] = {"postStart": {"exec": {"command": ["sh", "-c", _MAKE_BUCKET]}}}
    host = _deployment(
        namespace, "samplehost", image,
        ["python3", "/opt/samplehost", "serve", "--photos", "/opt/photos", "--host", "0.0.0.0",  # noqa: S104
         "--port", "8080"],
        8080,
        http_path="/healthz",
    )  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            secret,
            storage,
            _service(namespace, "seaweedfs", 8333),
            host,
            _service(namespace, "samplehost", 8080, NODE_PORT),
        ],
    }


def _deployment(
    namespace: str,
    name: str,
    image: str,
    command: list[str],
    port: int,
    *,
    volumes: list[dict[str, Any]] | None = None,
    mounts: list[dict[str, Any]] | None = None,
    http_path: str | None = None,
) -> dict[str, Any]:
    check: dict[str, Any] = (
        {"httpGet": {"path": http_path, "port": port}}
        if http_path
        else {"tcpSocket": {"port": port}}
    )
    labels = {"app.kubernetes.io/name": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    # A Service's S3_PORT variable would be read by weed as its own flag.
                    "enableServiceLinks": False,
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 5,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "fsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": name,
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": command,
                            "workingDir": "/tmp",
                            "env": [{"name": "HOME", "value": "/tmp"}],
                            "ports": [{"containerPort": port}],
                            "readinessProbe": {**check, "periodSeconds": 1},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [
                                {"name": "tmp", "mountPath": "/tmp"},
                                *(mounts or []),
                            ],
                        }
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}, *(volumes or [])],
                },
            },
        },
    }


def _service(namespace: str, name: str, port: int, node_port: int | None = None) -> dict[str, Any]:
    exposed = {"nodePort": node_port} if node_port else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "type": "NodePort" if node_port else "ClusterIP",
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"port": port, "targetPort": port, **exposed}],
        },
    }
