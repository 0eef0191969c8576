"""A cluster whose API server fails now and then, with its Job controller and runner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from imagebatch_core.index_list import format_indexes, parse_indexes
from imagebatch_core.job import ExitCode, RunnerJob, RunnerMessage, Step, Totals
from imagebatch_core.names import ENV_JOB, LABEL_BATCH_UID, LABEL_KUEUE_QUEUE, LABEL_STEP
from imagebatch_operator.cluster.client import Unavailable
from unit.operator.fakecluster import FakeCluster

#: Images of each shard.
PER_SHARD = 500
Body = dict[str, Any]


def step_of(job: Mapping[str, Any]) -> Step:
    return Step(job["metadata"]["labels"][LABEL_STEP].partition("-")[0])


def document_of(job: Mapping[str, Any]) -> RunnerJob:
    environment = job["spec"]["template"]["spec"]["containers"][0]["env"]
    value = next(one["value"] for one in environment if one["name"] == ENV_JOB)
    return RunnerJob.model_validate_json(value)


def unfinished(job: Mapping[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions", [])
    return not any(one["status"] == "True" for one in conditions)


@dataclass
class Work:
    """What the pods of one batch have done; ``stopped`` if plan or collect was refused or lost.

    ``planned`` is set once the store has the plan, which the operator may learn later.
    """

    shards: int
    planned: bool = False
    recorded: set[int] = field(default_factory=set)
    failures: Counter[int] = field(default_factory=Counter)
    stopped: bool = False

    @property
    def totals(self) -> Totals:
        done = len(self.recorded) * PER_SHARD
        failed = self.shards * PER_SHARD - done
        return Totals(succeeded=done, failed=failed, bytes_in=10 * done, bytes_out=done)


class RandomCluster(FakeCluster):
    """``calm`` is set in the end: nothing fails any more, and everything moves on."""

    def __init__(self, random: Random, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.random, self.now = random, now
        self.calm = False
        #: How often an index of a shard Job fails.
        self.fragility = random.choice([0.05, 0.6])
        self.work: dict[str, Work] = {}
        self.on_status: Callable[[Body, Body], None] = lambda before, after: None
        self.on_job: Callable[[Body], None] = lambda job: None

    def chance(self, share: float) -> bool:
        return not self.calm and self.random.random() < share

    # The API server

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        if not path.endswith("/events"):
            self._may_fail()
        made = await super().create(path, body)
        if path.endswith("/jobs"):
            self.on_job(made)
        return made

    async def patch(self, path: str, body: Mapping[str, Any]) -> Body:
        self._may_fail()
        target = path.removesuffix("/status")
        before = self.objects.get(target)
        if before is not None and self.chance(0.04):
            self.add(target, before)  # somebody labels it meanwhile: a conflict
        made = await super().patch(path, body)
        if path.endswith("/status") and before is not None:
            self.on_status(before, made)
        elif "/jobs/" in path and not made["spec"].get("suspend"):
            self.on_job(made)
        return made

    async def delete(self, path: str, *, uid: str | None = None, foreground: bool = False) -> None:
        self._may_fail()
        found = self.objects.get(path)
        if found is None or (uid is not None and found["metadata"]["uid"] != uid):
            return
        if not foreground:
            await super().delete(path)
            return
        self._about_to("delete")
        self.mark_deleted(path)
        self._done()

    def mark_deleted(self, path: str) -> None:
        metadata = {"deletionTimestamp": self.now().isoformat(), **self.objects[path]["metadata"]}
        self.add(path, {**self.objects[path], "metadata": metadata})

    def _may_fail(self) -> None:
        if self.chance(0.03):
            raise Unavailable("503")

    # The controllers and the runner

    def job_paths(self) -> list[str]:
        return [path for path in self.objects if "/jobs/" in path]

    def progress(self) -> None:
        """Let every Job take one step, or none."""
        owners = {body["metadata"]["uid"] for body in self.batches()}
        for path in self.job_paths():
            job = self.objects[path]
            orphaned = job["metadata"]["labels"][LABEL_BATCH_UID] not in owners
            if orphaned or job["metadata"].get("deletionTimestamp"):
                if self.calm or self.random.random() < 0.5:
                    self._remove(path)
            elif unfinished(job) and not self._is_held(path, job):
                self._run_step(path, job)

    def _remove(self, path: str) -> None:
        pods = _pods(path)
        for known in [one for one in self.objects if one == path or one.startswith(f"{pods}-")]:
            del self.objects[known]

    def _is_held(self, path: str, job: Body) -> bool:
        """Kueue suspends a new Job of a queue, and admits it some time later."""
        if job["metadata"]["labels"].get(LABEL_KUEUE_QUEUE) is None:
            return bool(job["spec"].get("suspend"))
        admitted = "suspend" in job["spec"] and (self.calm or self.random.random() < 0.3)
        suspend = job["spec"].get("suspend", True) and not admitted
        self.add(path, {**job, "spec": {**job["spec"], "suspend": suspend}})
        return bool(suspend)

    def _run_step(self, path: str, job: Body) -> None:
        work = self.work[job["metadata"]["labels"][LABEL_BATCH_UID]]
        document = document_of(job)
        match step_of(job):
            case Step.PLAN:
                self._plan(path, document, work)
            case Step.COMPRESS:
                self._compress(path, document, work)
            case Step.COLLECT:
                self._collect(path, document, work)

    def _plan(self, path: str, document: RunnerJob, work: Work) -> None:
        whole = work.shards == 1 and not (document.dry_run or document.suspend_after_plan)
        if whole and self.random.random() < 0.5:
            work.recorded.add(0)
        message = RunnerMessage(
            step=Step.PLAN, products=9, images=work.shards * PER_SHARD, shards=work.shards,
            images_per_shard=PER_SHARD,
        )  # fmt: skip
        if whole:
            message = self._with_report(message.model_copy(update={"step": Step.COLLECT}), work)
        ready = not whole or work.recorded
        work.planned = work.planned or self.random.random() < 0.7
        self._end_single(
            path, work, message if ready and work.planned and self.random.random() < 0.5 else None
        )

    def _collect(self, path: str, document: RunnerJob, work: Work) -> None:
        waits = document.wait and len(work.recorded) < work.shards
        done = not waits and self.random.random() < 0.5
        message = RunnerMessage(
            step=Step.COLLECT, products=9, images=work.shards * PER_SHARD, shards=work.shards,
            images_per_shard=PER_SHARD,
        )  # fmt: skip
        self._end_single(path, work, self._with_report(message, work) if done else None)

    def _with_report(self, message: RunnerMessage, work: Work) -> RunnerMessage:
        report = {"report_key": "shop/x/report.csv", "report_sha256": "cd" * 32}
        return message.model_copy(update={"totals": work.totals, **report})

    def _end_single(self, path: str, work: Work, message: RunnerMessage | None) -> None:
        """End the pod of plan or collect with its message; without one it runs on, or fails."""
        if message is not None:
            lost = self.chance(0.1)
            work.stopped |= lost
            self._end(path, ExitCode.DONE, None if lost else message)
        elif self.chance(0.1):
            work.stopped = True
            error = RunnerMessage(step=step_of(self.objects[path]), error="403")
            self._fail(path, ExitCode.CONFIGURATION_REFUSED, error, last=self.chance(0.5))
        elif self.chance(0.03):
            work.stopped = True
            error = RunnerMessage(step=step_of(self.objects[path]), error="a fault")
            self._fail(path, ExitCode.FAULT, error, last=self.chance(0.3))
        else:
            self._status(path, active=1, ready=1)

    def _compress(self, path: str, document: RunnerJob, work: Work) -> None:
        status = self.objects[path].get("status") or {}
        size = self.objects[path]["spec"]["completions"]
        if document.wait and not work.planned:
            active = min(size, self.objects[path]["spec"]["parallelism"])
            self._status(path, active=active, ready=active)
            return
        numbers = list(parse_indexes(document.shards)) or list(range(size))
        right = document.wait or document.shards is not None or size == work.shards
        assert right, "the Job has an index for each of its shards"
        done = set(parse_indexes(status.get("completedIndexes")))
        failed = set(parse_indexes(status.get("failedIndexes")))
        left = [index for index in range(size) if index not in done | failed]
        for index in left[: self.random.randint(0, 2)]:
            shard = numbers[index]
            if shard >= work.shards:
                done.add(index)  # more pods wait for the plan than it has shards
            elif shard in work.recorded or not self.chance(self.fragility):
                work.recorded.add(shard)
                done.add(index)
            else:
                work.failures[shard] += 1
                failed.add(index)
                error = RunnerMessage(step=Step.COMPRESS, error="killed")
                self._fail(path, ExitCode.FAULT, error)
        left = [index for index in range(size) if index not in done | failed]
        active = min(len(left), self.objects[path]["spec"]["parallelism"])
        self._status(
            path, active=active, ready=active,
            completedIndexes=format_indexes(sorted(done)),
            failedIndexes=format_indexes(sorted(failed)),
            conditions=[] if left else _ended(bool(failed)),
        )  # fmt: skip
        if left and self.chance(0.05):
            error = RunnerMessage(step=Step.COMPRESS, error="403")
            self._fail(path, ExitCode.CONFIGURATION_REFUSED, error)

    def _end(self, path: str, code: ExitCode, message: RunnerMessage | None) -> None:
        self._status(path, active=0, ready=0, conditions=_ended(code != ExitCode.DONE))
        if message is not None:
            self._pod(path, code, message)

    def _fail(
        self, path: str, code: ExitCode, message: RunnerMessage, *, last: bool = False
    ) -> None:
        """A pod fails; with ``last`` the Job starts no other one."""
        failed = (self.objects[path].get("status") or {}).get("failed", 0)
        changed: Body = {"conditions": _ended(failed=True)} if last else {}
        self._status(path, active=0, ready=0, failed=failed + 1, **changed)
        self._pod(path, code, message)

    def _status(self, path: str, **fields: Any) -> None:
        status = {**(self.objects[path].get("status") or {}), **fields}
        status.setdefault("startTime", self.now().isoformat())
        self.add(path, {**self.objects[path], "status": status})

    def _pod(self, path: str, code: ExitCode, message: RunnerMessage) -> None:
        name = f"{_pods(path)}-{self.random.getrandbits(40):010x}"
        terminated = {
            "exitCode": int(code),
            "finishedAt": self.now().isoformat(),
            "message": message.to_json(),
        }
        state = {"containerStatuses": [{"state": {"terminated": terminated}}]}
        phase = "Succeeded" if code == ExitCode.DONE else "Failed"
        metadata = {"name": name.rpartition("/")[2]}
        self.add(name, {"metadata": metadata, "status": {"phase": phase, **state}})


def _ended(failed: bool) -> list[dict[str, str]]:
    return [{"type": "FailureTarget" if failed else "SuccessCriteriaMet", "status": "True"}]


def _pods(job_path: str) -> str:
    return job_path.replace("/apis/batch/v1/", "/api/v1/").replace("/jobs/", "/pods/")
