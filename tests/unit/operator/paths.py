"""Paths through the life of a batch, with what kstatus and Argo CD read from the status on each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.reasons import Reason
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation, Obstacle, PodOutcome, Refusal, Turn
from unit.operator.builders import NOW, BatchBuilder, batch, collect_done, job, plan_done

#: Statuses of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status).
IN_PROGRESS: Final = "InProgress"
FAILED: Final = "Failed"
CURRENT: Final = "Current"
TERMINATING: Final = "Terminating"

#: Statuses of Argo CD.
PROGRESSING: Final = "Progressing"
DEGRADED: Final = "Degraded"
HEALTHY: Final = "Healthy"
SUSPENDED: Final = "Suspended"

PLANNED = job(Step.PLAN, succeeded=True, ready=0, active=0)
COLLECTED = job(Step.COLLECT, succeeded=True, ready=0, active=0)
REFUSED_PLAN = job(Step.PLAN, failed_pods=1, ready=0, active=0)
IDLE = job(Step.COMPRESS, ready=0, idle_since=NOW - timedelta(minutes=2))
HELD = job(Step.COMPRESS, queue="team", suspended=True, ready=0, active=0)


def begun() -> BatchBuilder:
    return batch().status(phase="Processing", startTime="2026-01-02T03:01:00Z", runs={"plan": 1})


def sharded() -> BatchBuilder:
    return batch().shards(3, first_runs=1)


def collecting() -> BatchBuilder:
    runs = {"plan": 1, "shards": [1], "collect": 1}
    return sharded().status(shards={"total": 3, "done": 3, "failed": 0}, runs=runs)


def refused(reason: Reason, *, permanent: bool = False) -> Observation:
    return Observation(refusal=Refusal(reason, "why", permanent))


def plan_ends(code: int) -> Observation:
    message = RunnerMessage(step=Step.PLAN, error="no")
    told = {REFUSED_PLAN.name: PodOutcome(code, message)}
    return Observation(jobs=(REFUSED_PLAN,), outcomes=told)


def collect_ends(failed: int) -> Observation:
    told = {COLLECTED.name: collect_done(succeeded=1500 - failed, failed=failed)}
    return Observation(jobs=(COLLECTED,), outcomes=told)


@dataclass(frozen=True)
class LifePath:
    """A batch before a pass of the operator, what the pass sees, and the results expected then.

    ``reason`` is that of the condition ``Finished``; ``None`` if the batch has not ended.
    """

    before: BatchBuilder
    seen: Observation
    kstatus: str
    argocd: str
    reason: Reason | None = None

    def status(self) -> ImageBatchStatus:
        """Return the status that the pass writes."""
        return decide(self.before.build(), self.seen, NOW).status

    def resource(self) -> dict[str, Any]:
        """Return the resource after the pass, as the API server's JSON."""
        return written(self.before, self.status())


def written(before: BatchBuilder, status: ImageBatchStatus) -> dict[str, Any]:
    """Return the resource with this status, as the API server's JSON."""
    shown = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**before.body(), "status": shown}


RUNS = Observation(jobs=(job(Step.COMPRESS),))
PATHS: Final[dict[str, LifePath]] = {
    "planning": LifePath(batch(), Observation(), IN_PROGRESS, PROGRESSING),
    "compressing": LifePath(sharded(), RUNS, IN_PROGRESS, PROGRESSING),
    "collecting": LifePath(collecting(), Observation(), IN_PROGRESS, PROGRESSING),
    "suspended": LifePath(sharded().spec(suspend=True), RUNS, IN_PROGRESS, SUSPENDED),
    "held by a queue": LifePath(sharded(), Observation(jobs=(HELD,)), IN_PROGRESS, PROGRESSING),
    "waits for its turn": LifePath(
        batch(), Observation(turn=Turn(False, 3, "")), IN_PROGRESS, PROGRESSING
    ),
    "a pod failed": LifePath(begun(), plan_ends(137), IN_PROGRESS, PROGRESSING),
    "waits for its source": LifePath(
        batch(), refused(Reason.SOURCE_NOT_FOUND), IN_PROGRESS, PROGRESSING
    ),
    "waits for a batch": LifePath(
        batch(), refused(Reason.EARLIER_BATCH_NOT_ENDED), IN_PROGRESS, PROGRESSING
    ),
    "awaits confirmation": LifePath(
        batch().shards(3).spec(suspendAfter="Plan"), Observation(), IN_PROGRESS, SUSPENDED
    ),
    "stops after cancel": LifePath(sharded().spec(cancel=True), RUNS, IN_PROGRESS, PROGRESSING),
    "stops after its deadline": LifePath(
        sharded().spec(activeDeadlineSeconds=1), RUNS, IN_PROGRESS, PROGRESSING
    ),
    "asks for too much": LifePath(batch(), refused(Reason.LIMIT_EXCEEDED), FAILED, DEGRADED),
    "priority in Kueue": LifePath(batch(), refused(Reason.INVALID_SPEC), FAILED, DEGRADED),
    "no storage": LifePath(batch(), refused(Reason.STORAGE_NOT_CONFIGURED), FAILED, DEGRADED),
    "newer spec": LifePath(batch(), refused(Reason.SPEC_NOT_UNDERSTOOD), FAILED, DEGRADED),
    "store refuses": LifePath(begun(), plan_ends(3), FAILED, DEGRADED),
    "no pod gets ready": LifePath(
        sharded(), Observation(jobs=(IDLE,), blocked={IDLE.name: "Unschedulable"}), FAILED, DEGRADED
    ),
    "no Job allowed": LifePath(
        sharded(), Observation(obstacle=Obstacle("exceeded quota", NOW, NOW)), FAILED, DEGRADED
    ),
    "completed": LifePath(collecting(), collect_ends(0), CURRENT, HEALTHY, Reason.COMPLETED),
    "some failed": LifePath(
        collecting(), collect_ends(3), CURRENT, HEALTHY, Reason.COMPLETED_WITH_FAILURES
    ),
    "dry run": LifePath(
        begun().spec(dryRun=True),
        Observation(jobs=(PLANNED,), outcomes={PLANNED.name: plan_done()}),
        CURRENT,
        HEALTHY,
        Reason.DRY_RUN_COMPLETED,
    ),
    "cancelled": LifePath(
        batch().spec(cancel=True), Observation(), CURRENT, HEALTHY, Reason.CANCELLED
    ),
    "too many failed": LifePath(
        collecting().spec(maxFailedPercent=10),
        collect_ends(900),
        FAILED,
        DEGRADED,
        Reason.TOO_MANY_FAILED,
    ),
    "input refused": LifePath(begun(), plan_ends(2), FAILED, DEGRADED, Reason.INPUT_REFUSED),
    "not allowed": LifePath(
        batch(),
        refused(Reason.SOURCE_NOT_ALLOWED, permanent=True),
        FAILED,
        DEGRADED,
        Reason.SOURCE_NOT_ALLOWED,
    ),
    "too late": LifePath(
        begun().spec(activeDeadlineSeconds=1),
        Observation(jobs=(job(Step.PLAN, ready=0),)),
        FAILED,
        DEGRADED,
        Reason.DEADLINE_EXCEEDED,
    ),
}
