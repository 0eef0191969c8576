"""Kubernetes objects of the sample image host, for demo and tests only: one pod without storage."""

from __future__ import annotations

import json
import secrets
from typing import Any

NODE_PORT = 30081
#: URL of the sample host for pods.
SAMPLEHOST_URL = "http://samplehost:8080"
#: The same host under the name for which the runner has credentials: sources of images that need
#: credentials are not kept, and the demo shows the sources of its images.
MEMBERS_URL = "http://samplehost-members:8080"
#: The Secret with the credentials for ``/members/``; runner pods mount it.
CREDENTIALS = "samplehost-credentials"
_NAME = "samplehost"
_MEMBERS = "samplehost-members"
_TOKEN = {
    "name": "SAMPLEHOST_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": CREDENTIALS, "key": "token"}},
}
_LABELS = {"app.kubernetes.io/name": _NAME}

#: An egress rule for the chart's NetworkPolicies: runner and operator may reach the host.
EGRESS = {
    "ports": [{"protocol": "TCP", "port": 8080}],
    "to": [{"podSelector": {"matchLabels": _LABELS}}],
}


def credentials(namespace: str) -> dict[str, Any]:
    """Return a Secret with a new token, which the sample host and the runner read."""
    token = secrets.token_urlsafe(24)
    hosts = {f"{_MEMBERS}:8080": {"bearer": token, "plainHttp": True}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS, "namespace": namespace},
        "stringData": {"credentials.json": json.dumps(hosts), "token": token},
    }


def manifests(namespace: str, image: str, node_port: int | None) -> dict[str, Any]:
    """Return Deployment and Service as one List; ``image`` is the devtools image."""
    command = [
        "python3",
        "/opt/samplehost",
        "serve",
        "--photos",
        "/opt/photos",
        "--host",
        "0.0.0.0",  # noqa: S104
        "--port",
        "8080",
    ]
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            _deployment(namespace, image, command),
            _service(namespace, _NAME, node_port),
            _service(namespace, _MEMBERS, None),
        ],
    }


def _deployment(namespace: str, image: str, command: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _NAME, "namespace": namespace, "labels": _LABELS},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": _LABELS},
                "spec": {
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
                            "name": _NAME,
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": command,
                            "workingDir": "/tmp",
                            "env": [{"name": "HOME", "value": "/tmp"}, _TOKEN],
                            "ports": [{"containerPort": 8080}],
                            "readinessProbe": {
                                "httpGet": {"path": "/healthz", "port": 8080},
                                "periodSeconds": 1,
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                        }
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }


def _service(namespace: str, name: str, node_port: int | None) -> dict[str, Any]:
    exposed = {"nodePort": node_port} if node_port else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "type": "NodePort" if node_port else "ClusterIP",
            "selector": _LABELS,
            "ports": [{"port": 8080, "targetPort": 8080, **exposed}],
        },
    }
