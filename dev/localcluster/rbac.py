"""Rights of the node's programs at the API server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_GROUP = "rbac.authorization.k8s.io"


def reader(user: str, resources: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """Return a ClusterRole that reads ``resources``, given by API group, and its binding to
    ``user``."""
    metadata = {"name": user}
    rules = [
        {"apiGroups": [group], "resources": list(names), "verbs": ["get", "list", "watch"]}
        for group, names in resources.items()
    ]
    role = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": _GROUP, "kind": "User", "name": user}]
    api = f"{_GROUP}/v1"
    return [
        {"apiVersion": api, "kind": "ClusterRole", "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": subjects,
        },
    ]
