"""Reads pods for two purposes: how a pod ended, and why no pod of a Job starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from imagebatch_core.job import ExitCode, RunnerMessage, Step
from imagebatch_operator.policies.observed import JobView, PodOutcome

from .client import Kube, core_path

_LOOK_AT = 5
_LONGEST_DETAIL = 300
#: How many warning Events of one object are read; repetitions are counted within one Event.
_EVENTS = 100


async def read_outcome(kube: Kube, namespace: str, job: JobView) -> PodOutcome:
    """Return how the newest ended pod of a Job ended; an empty outcome when there is none.

    For plan and collect, a pod that succeeded takes precedence. For compress, only failed pods are
    read.
    """
    query = {"fieldSelector": "status.phase=Failed"} if job.step is Step.COMPRESS else {}
    pods = await _pods(kube, namespace, job, limit=4 * _LOOK_AT, **query)
    ended = [outcome for pod in pods if (outcome := _outcome(pod)) is not None]
    if not ended:
        return PodOutcome()
    # A pod and the one that replaced it may both exist.
    done = [end for end in ended if end[1].exit_code == 0]
    return max(done or ended, key=lambda end: end[0])[1]


def done(pod: Mapping[str, Any]) -> tuple[str, PodOutcome] | None:
    """Return the uid of a pod's Job and its outcome if the pod did its step, otherwise ``None``."""
    state = _terminated(pod)
    owners = pod["metadata"].get("ownerReferences") or []
    job = next((owner["uid"] for owner in owners if owner["kind"] == "Job"), None)
    if state is None or job is None or state["exitCode"] != ExitCode.DONE:
        return None
    return job, _outcome_of(state)


def _outcome(pod: dict[str, Any]) -> tuple[str, PodOutcome] | None:
    """Return when a pod ended and its outcome; ``None`` while it has not ended."""
    state = _terminated(pod)
    if state is not None:
        return str(state.get("finishedAt") or ""), _outcome_of(state)
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return None
    # The pod was evicted, before or while its container ran.
    words = (status.get("reason"), status.get("message"))
    detail = ": ".join(word for word in words if word)
    return "", PodOutcome(detail=detail[:_LONGEST_DETAIL] or None)


def _outcome_of(state: dict[str, Any]) -> PodOutcome:
    code, text = state["exitCode"], state.get("message")
    message = parse_message(text)
    if message is not None or code == ExitCode.DONE:
        return PodOutcome(code, message)
    words = (f"exit code {code} ({state.get('reason') or 'no reason'})", text)
    return PodOutcome(code, None, ": ".join(word for word in words if word)[:_LONGEST_DETAIL])


def parse_message(text: str | None) -> RunnerMessage | None:
    """Parse a termination message; ``None`` when the text is no message of a runner."""
    try:
        return RunnerMessage.model_validate_json(text or "")
    except ValidationError:
        return None


async def explain_blocked(kube: Kube, namespace: str, job: JobView) -> str:
    """Return why no pod of a Job is ready: by pod conditions, else pod Events, else Job Events."""
    pending = await _pods(
        kube, namespace, job, limit=_LOOK_AT, fieldSelector="status.phase=Pending"
    )
    for pod in pending:
        text = _waiting(pod) or _unschedulable(pod)
        if text:
            return text
    # A missing Secret or ConfigMap shows only in the events of the pod.
    for uid in [*(pod["metadata"]["uid"] for pod in pending[:1]), job.uid]:
        text = await _newest_warning(kube, namespace, uid)
        if text:
            return text
    return "no pod is ready yet; the cluster gives no reason"


async def _newest_warning(kube: Kube, namespace: str, uid: str) -> str:
    """Return the newest warning Event about an object, as text; empty if there is none.

    The API server lists Events by name, not by time, so all are compared.
    """
    events = await kube.get(
        core_path(namespace, "events"),
        fieldSelector=f"involvedObject.uid={uid},type=Warning",
        limit=str(_EVENTS),
    )
    items = events.get("items") or []
    if not items:
        return ""
    newest = max(items, key=_last_seen)
    return f"{newest.get('reason')}: {newest.get('message')}"


def _last_seen(event: Mapping[str, Any]) -> datetime:
    """Return when an Event last happened. The field for this depends on the Event's author."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return max(datetime.fromisoformat(time) for time in times if time)


async def _pods(
    kube: Kube, namespace: str, job: JobView, *, limit: int, **query: str
) -> list[dict[str, Any]]:
    # By uid, because pods of an earlier Job of the same name have the same name label.
    selector = f"batch.kubernetes.io/controller-uid={job.uid}"
    found = await kube.get(
        core_path(namespace, "pods"), labelSelector=selector, limit=str(limit), **query
    )
    items: list[dict[str, Any]] = found.get("items") or []
    return items


def _terminated(pod: Mapping[str, Any]) -> dict[str, Any] | None:
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        state: dict[str, Any] | None = (status.get("state") or {}).get("terminated")
        if state is not None:
            return state
    return None


def _waiting(pod: dict[str, Any]) -> str:
    for status in pod.get("status", {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""


def _unschedulable(pod: dict[str, Any]) -> str:
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason')}: {condition.get('message')}"
    return ""
