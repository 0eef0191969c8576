"""The rules of kstatus for a custom resource (sigs.k8s.io/cli-utils, pkg/kstatus/status, v0.37).

Flux, kpt and Helm read the state of a resource by them: :func:`compute` follows `Compute` and
`checkGenericProperties`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IN_PROGRESS = "InProgress"
FAILED = "Failed"
CURRENT = "Current"
TERMINATING = "Terminating"


def compute(body: Mapping[str, Any]) -> str:
    """Return the state of a resource, given as the API server's JSON."""
    meta, status = body["metadata"], body.get("status") or {}
    if meta.get("deletionTimestamp"):
        return TERMINATING
    if "observedGeneration" in status and status["observedGeneration"] != meta["generation"]:
        return IN_PROGRESS
    # The first of the two in the list counts, whatever the other says.
    for condition in status.get("conditions") or []:
        if condition["status"] != "True":
            continue
        if condition["type"] == "Reconciling":
            return IN_PROGRESS
        if condition["type"] == "Stalled":
            return FAILED
    return CURRENT
