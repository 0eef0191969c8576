"""The part of an API server and of the Job controller that the operator meets, in memory.

It stands behind the verbs of :class:`imagebatch_operator.cluster.client.Kube`, so that the real
reconciler runs on it. Crashes are injected around writes: :class:`Crash` is no KubeError, so that
nothing catches it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from itertools import count
from typing import Any

from imagebatch_core.job import Estimate, RunnerMessage, Step, Totals
from imagebatch_core.names import (
    ENV_STORE,
    LABEL_STEP,
    RUNNER_CONFIG_MAP,
    RUNNER_SERVICE_ACCOUNT,
)
from imagebatch_operator.cluster.client import (
    AlreadyExists,
    Conflict,
    Fenced,
    Forbidden,
    Kube,
    KubeError,
    NotFound,
    core_path,
)

SHARDS = 3
IMAGES = 1200
STORE = "s3://pictures/team"


class Crash(BaseException):
    """The operator's process is killed here."""


class FakeCluster(Kube):
    """Objects by path. ``crash_at`` is the number of the write that kills the operator, either
    before it reached the server (``lost``) or after it was carried out."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.reads: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.writes: list[str] = []
        self.crash_at: int | None = None
        self.lost = False
        self.forbid: Callable[[str], bool] = lambda path: False
        self.unreadable: Callable[[str], bool] = lambda path: False
        self.refuse: Callable[[str], KubeError | None] = lambda path: None
        self.refusal: KubeError = Forbidden("exceeded quota: jobs")
        self.exit_code: dict[str, int] = {}
        self._versions = count(101)
        self._may_write: Callable[[], bool] = lambda: True
        for plural, name in (
            ("serviceaccounts", RUNNER_SERVICE_ACCOUNT),
            ("configmaps", RUNNER_CONFIG_MAP),
        ):
            data = {"data": {ENV_STORE: STORE}} if plural == "configmaps" else {}
            self.add(core_path("shop", plural, name), {"metadata": {"name": name}, **data})

    # The API server

    def add(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As a user does: no crash, not counted."""
        stored = json.loads(json.dumps(body))
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        stored["metadata"].setdefault("creationTimestamp", "2026-01-02T03:04:05Z")
        stored["metadata"].setdefault("uid", f"uid-of-{path}")
        self.objects[path] = stored
        return deepcopy(stored)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        self.reads.append(path)
        if self.unreadable(path):
            raise Forbidden(path)
        if path.endswith("/pods"):
            label, _, uid = query["labelSelector"].partition("=")
            assert label == "batch.kubernetes.io/controller-uid"
            names = [o["metadata"]["name"] for o in self.jobs() if o["metadata"]["uid"] == uid]
            pods = [
                o
                for p, o in self.objects.items()
                if p.startswith(tuple(f"{path}/{name}-" for name in names))
            ]
            return {"items": deepcopy(pods)}
        if path.endswith("/events"):
            return {"items": []}
        if path.endswith(("/imagebatches", "/jobs")):
            return self._page(path, **query)
        if path not in self.objects:
            raise NotFound(path)
        return deepcopy(self.objects[path])

    def _page(self, path: str, limit: str = "500", **query: str) -> dict[str, Any]:
        """As of the first page: a continue token counts from there."""
        group, _, kind = path.rpartition("/")
        group, _, namespace = group.partition("/namespaces/")
        listed = [
            o
            for p, o in sorted(self.objects.items())
            if p.startswith(f"{group}/namespaces/{namespace}") and f"/{kind}/" in p
        ]
        first = int(query.get("continue", "0"))
        last = first + int(limit)
        metadata = {"continue": str(last)} if last < len(listed) else {}
        return {"metadata": metadata, "items": deepcopy(listed[first:last])}

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if path.endswith("/events"):
            self.events.append(dict(body))
            return {}
        self._about_to(f"create {path.rpartition('/')[2]}")
        if self.forbid(path):
            raise self.refusal
        name = f"{path}/{body['metadata']['name']}"
        if name in self.objects:
            raise AlreadyExists(name)
        made = self.add(name, body)
        self._done()
        return made

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._about_to(f"patch {path.rpartition('/')[2]}")
        path = path.removesuffix("/status")
        error = self.refuse(path)
        if error is not None:
            raise error
        if path not in self.objects:
            raise NotFound(path)
        old = self.objects[path]
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, old["metadata"]["resourceVersion"]):
            raise Conflict(path)
        made = self.add(path, _merge(old, body))
        self._done()
        return made

    async def delete(self, path: str, *, uid: str | None = None, foreground: bool = False) -> None:
        self._about_to("delete")
        for known in list(self.objects):
            pods = path.replace("/apis/batch/v1/", "/api/v1/").replace("/jobs/", "/pods/")
            if known == path or known.startswith(f"{pods}-"):
                del self.objects[known]
        self._done()

    def fenced(self, may_write: Callable[[], bool]) -> FakeCluster:
        """The same cluster; only this client's writes depend on ``may_write``."""
        client = copy(self)
        client._may_write = may_write
        return client

    def _about_to(self, what: str) -> None:
        if not self._may_write():
            raise Fenced(what)
        self.writes.append(what)
        if len(self.writes) == self.crash_at and self.lost:
            raise Crash

    def _done(self) -> None:
        if len(self.writes) == self.crash_at and not self.lost:
            raise Crash

    # The Job controller and the runner

    def jobs(self) -> list[dict[str, Any]]:
        return [deepcopy(o) for p, o in self.objects.items() if "/jobs/" in p]

    def batches(self) -> list[dict[str, Any]]:
        return [deepcopy(o) for p, o in self.objects.items() if "/imagebatches/" in p]

    def run_jobs(self) -> bool:
        """Every Job that is not suspended runs to its end; whether any did."""
        ran = False
        for path, job in [(p, o) for p, o in self.objects.items() if "/jobs/" in p]:
            if job.get("status") or job["spec"].get("suspend"):
                continue
            ran = True
            self._run(path, job)
        return ran

    def _run(self, path: str, job: dict[str, Any]) -> None:
        step = Step(job["metadata"]["labels"][LABEL_STEP].partition("-")[0])
        code = self.exit_code.get(step, 0)
        done = "SuccessCriteriaMet" if code == 0 else "FailureTarget"
        status: dict[str, Any] = {"conditions": [{"type": done, "status": "True"}]}
        if step is Step.COMPRESS:
            indexes = f"0-{job['spec']['completions'] - 1}"
            status["failedIndexes" if code else "completedIndexes"] = indexes
        if code:
            status["failed"] = 1
        self.add(path, {**job, "status": status})
        pod = path.replace("/apis/batch/v1/", "/api/v1/").replace("/jobs/", "/pods/") + "-x7f2q"
        terminated = {
            "exitCode": code,
            "finishedAt": "2026-01-02T03:05:00Z",
            "message": _message(step, code).to_json(),
        }
        state = {"containerStatuses": [{"state": {"terminated": terminated}}]}
        self.add(pod, {"metadata": {"name": pod.rpartition("/")[2]}, "status": state})


def _message(step: Step, code: int) -> RunnerMessage:
    if code:
        return RunnerMessage(step=step, error="line 1: not such a CSV")
    if step is Step.COLLECT:
        return RunnerMessage(
            step=step,
            totals=Totals(succeeded=IMAGES - 2, failed=2, bytes_in=1000, bytes_out=400),
            report_key="shop/x/report.csv",
            report_sha256="cd" * 32,
        )
    estimate = Estimate(
        images=IMAGES, bytes_in=1000, bytes_out=400, seconds=9, sampled=24, failed=0
    )
    return RunnerMessage(step=step, products=600, images=IMAGES, shards=SHARDS, estimate=estimate)


def _merge(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
