"""Reads Kueue's Workload of a Job, to say why its queue holds the Job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from imagebatch_operator.policies.observed import JobView

from .client import Kube, KubeError, NotFound

#: The newest first: Kueue 0.17 serves both, earlier releases only the second.
_VERSIONS: Final = ("v1beta2", "v1beta1")
_JOB_UID: Final = "kueue.x-k8s.io/job-uid"
#: In the order in which Kueue makes them True.
_CONDITIONS: Final = ("QuotaReserved", "Admitted")


async def explain_held(kube: Kube, namespace: str, job: JobView) -> str:
    """Return why a queue holds a Job, in Kueue's words; empty if that cannot be found out."""
    for version in _VERSIONS:
        path = f"/apis/kueue.x-k8s.io/{version}/namespaces/{namespace}/workloads"
        try:
            found = await kube.get(path, labelSelector=f"{_JOB_UID}={job.uid}", limit="1")
        except NotFound:
            continue
        except KubeError:
            return ""  # an older Role of ours, or Kueue does not convert its objects now
        items: list[dict[str, Any]] = found.get("items") or []
        return _says(items[0]) if items else _without_workload(job)
    return "the cluster has no Kueue"


def _says(workload: Mapping[str, Any]) -> str:
    conditions = (workload.get("status") or {}).get("conditions") or []
    told = {one["type"]: one for one in conditions if one["status"] != "True"}
    return next((str(told[name].get("message") or "") for name in _CONDITIONS if name in told), "")


def _without_workload(job: JobView) -> str:
    text = "Kueue has no Workload for it"
    if job.priority_class is not None:
        text += f"; is there a WorkloadPriorityClass {job.priority_class}?"
    return text
