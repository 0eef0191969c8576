"""The stage of a batch that waits for its turn, because of the limits on running batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from imagebatch_core.condition import ConditionStatus
from imagebatch_core.names import LABEL_KUEUE_QUEUE
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.status import ImageBatchStatus

from .actions import CreateJob
from .facts import Case
from .observed import JobView
from .stages import Collecting, Compressing, Next, Planning, Queued, Stage
from .suspended import suspend_jobs
from .turns import Entry, Key

#: Seconds between two looks at the position in the queue: the further behind, the longer.
_SOONEST: Final = 15.0
_LATEST: Final = 300.0
_SECONDS_PER_PLACE: Final = 5.0
_FINISHED: Final = frozenset(str(phase) for phase in Phase if phase.finished)


def queued(case: Case, stage: Stage) -> Queued | None:
    """Return the stage Queued if the batch would run in ``stage`` and has no turn.

    A batch that waits without a Job, as for a repaired store, needs no turn for that.
    """
    turn = case.seen.turn
    if turn is None or turn.granted or not _would_run(case, stage):
        return None
    wait = min(max(_SOONEST, turn.position * _SECONDS_PER_PLACE), _LATEST)
    text = f"waits for its turn: {turn.limits}"
    if case.facts.retry is not None:
        text += f". Its last run was refused: {case.facts.retry.message}"
    actions = suspend_jobs(case)
    return Queued(case.facts, turn.position, text, Next(actions, look_again=wait, pauses=True))


def _would_run(case: Case, stage: Stage) -> bool:
    if not isinstance(stage, Planning | Compressing | Collecting) or stage.facts.ending is not None:
        return False
    creates = any(isinstance(action, CreateJob) for action in stage.next.actions)
    return creates or any(not job.finished for job in case.seen.jobs)


@dataclass(frozen=True, slots=True)
class _State:
    """The fields of a status that say whether a batch runs or waits."""

    phase: str | None
    reason: str | None
    stalled: bool
    ending: bool
    since: str

    @classmethod
    def recorded(cls, status: Mapping[str, Any]) -> Self:
        conditions = {one.get("type"): one for one in status.get("conditions") or []}
        reconciling = conditions.get(ConditionType.RECONCILING) or {}
        stalled = conditions.get(ConditionType.STALLED) or {}
        return cls(
            status.get("phase"),
            reconciling.get("reason"),
            stalled.get("status") == ConditionStatus.TRUE,
            bool(status.get("ending")),
            status.get("startTime") or "",
        )

    @classmethod
    def decided(cls, status: ImageBatchStatus) -> Self:
        reconciling = status.condition(ConditionType.RECONCILING)
        since = status.start_time
        return cls(
            status.phase,
            reconciling.reason if reconciling else None,
            status.is_true(ConditionType.STALLED),
            status.ending is not None,
            since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else "",
        )


def recorded_entry(
    body: Mapping[str, Any], jobs: Iterable[JobView], *, creates: bool = False
) -> Entry | None:
    """Return how a batch counts under the limits: it runs, or waits, or neither (``None``).

    It is read from the API server's JSON, because it is read at every event. ``creates`` says that
    a Job of the batch is just being created.
    """
    return _entry(body, jobs, _State.recorded(body.get("status") or {}), creates=creates)


def decided_entry(
    body: Mapping[str, Any], jobs: Iterable[JobView], status: ImageBatchStatus, *, creates: bool
) -> Entry | None:
    """Return how a batch counts once ``status`` is written."""
    return _entry(body, jobs, _State.decided(status), creates=creates)


def wanted_entry(body: Mapping[str, Any], jobs: Iterable[JobView]) -> Entry | None:
    """Return a batch as one that waits; ``None`` if it counts under no limit."""
    ends = (body.get("status") or {}).get("ending")
    return None if ends or _is_unlimited(body, jobs) else _made(body)


def _entry(
    body: Mapping[str, Any], jobs: Iterable[JobView], state: _State, *, creates: bool
) -> Entry | None:
    jobs = tuple(jobs)
    if state.ending or _is_unlimited(body, jobs):
        return None
    if state.phase == Phase.PROCESSING:
        # One that waits without a Job for a repaired store or a quota holds nobody up.
        runs = creates or not state.stalled or any(not job.finished for job in jobs)
        return replace(_made(body), running=True, since=state.since) if runs else None
    still = any(not (job.finished or job.suspended or job.deleting) for job in jobs)
    if still and state.phase not in _FINISHED:
        # It is suspended or waits, and its Jobs are not suspended yet: the request may have failed.
        return replace(_made(body), running=True, since=state.since)
    # One that no pass has looked at yet waits, too: those of a whole list are to get fair turns.
    waits = state.phase is None or (state.phase == Phase.PENDING and state.reason == Reason.QUEUED)
    return _made(body) if waits and not body["spec"].get("suspend") else None


def _is_unlimited(body: Mapping[str, Any], jobs: Iterable[JobView]) -> bool:
    """Return whether no limit applies to a batch: it ends, or Kueue has its own limits."""
    meta = body["metadata"]
    return bool(
        meta.get("deletionTimestamp")
        or body["spec"].get("cancel")
        or (meta.get("labels") or {}).get(LABEL_KUEUE_QUEUE)
        or any(_waits_or_runs_in_queue(job) for job in jobs)
    )


def _waits_or_runs_in_queue(job: JobView) -> bool:
    """Return whether Kueue decides on an unfinished Job of a batch without a queue label."""
    return job.queue is not None and not (job.finished or job.is_held_elsewhere({}))


def _made(body: Mapping[str, Any]) -> Entry:
    """Return the entry of a batch that waits."""
    meta = body["metadata"]
    key: Key = (meta["namespace"], meta["name"])
    priority = body["spec"].get("priority") or 0
    return Entry(key, False, priority, created=meta["creationTimestamp"])
