"""The input of `decide`: Jobs and pods reduced to the facts that matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.index_list import count_indexes, format_indexes, parse_indexes
from imagebatch_core.job import RunnerMessage, Step
from imagebatch_core.names import (
    ANNOTATION_PLANS_ONLY,
    ANNOTATION_SHARDS,
    ANNOTATION_TEMPLATE,
    ANNOTATION_WAITS,
    LABEL_BATCH_UID,
    LABEL_KUEUE_PRIORITY,
    LABEL_KUEUE_QUEUE,
    LABEL_RUN,
    LABEL_STEP,
)
from imagebatch_core.reasons import Reason

from .retention import KEPT, Retention
from .shards import SHARDS_PER_JOB, chunk_size, first_shard


@dataclass(frozen=True, slots=True)
class JobView:
    """One child Job. ``chunk`` numbers the Jobs of a batch of over 10,000 shards, from 0.

    ``started`` is when it was created or, after a suspension, resumed; ``idle_since`` is when it
    was last without a ready pod (:mod:`.idle`), ``None`` while it has one or needs none. ``queue``
    is the Kueue queue of this Job, which the namespace's default may have given it: Kueue owns its
    ``suspend``. ``made_for_queue`` is the queue that the operator made it for, ``priority_class``
    its priority class in Kueue. ``template`` is the hash of the pod template that it was made with.
    ``waits`` is set for a Job of collect that waits for the last images and for one of shards that
    waits for the plan, ``plans_only`` for a Job of plan whose pod compresses nothing.

    ``completions`` is the number of indexes of a shard Job. ``shards`` is set for a Job that runs
    some shards once more: their numbers, as ``0-3,7``. ``incomplete`` are the numbers of the
    shards that a Job did not complete, once it has failed.
    """

    name: str
    uid: str
    batch_uid: str
    step: Step
    chunk: int
    run: int
    started: datetime
    idle_since: datetime | None = None
    queue: str | None = None
    made_for_queue: str | None = None
    priority_class: str | None = None
    template: str | None = None
    waits: bool = False
    plans_only: bool = False
    succeeded: bool = False
    failed: bool = False
    suspended: bool = False
    deleting: bool = False
    parallelism: int = 1
    completions: int = 0
    shards: str = ""
    incomplete: str = ""
    completed_indexes: int = 0
    failed_indexes: int = 0
    active: int = 0
    ready: int = 0
    failed_pods: int = 0

    @property
    def finished(self) -> bool:
        return self.succeeded or self.failed

    @property
    def held(self) -> bool:
        """Whether the Job's queue has not admitted it yet, or has stopped it."""
        return self.queue is not None and self.suspended

    def is_held_elsewhere(self, labels: Mapping[str, str]) -> bool:
        """Return whether a queue holds the Job although the labels of its batch have changed since.

        They name another queue or none, or no priority class any more: Kueue lets nobody take a
        priority class away from a Job.
        """
        moved = (labels.get(LABEL_KUEUE_QUEUE) or None) != self.made_for_queue
        lowered = self.priority_class is not None and not labels.get(LABEL_KUEUE_PRIORITY)
        return self.held and (moved or lowered)

    @classmethod
    def from_object(cls, body: Mapping[str, Any]) -> JobView:
        """Parse a Job of the API server.

        Raises:
            KeyError, ValueError: the operator did not create it. Who may create Jobs in a namespace
                may give one the labels and the owner of a batch there.
        """
        meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
        labels, annotations = meta["labels"], meta.get("annotations") or {}
        made_for = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        step, _, chunk = labels[LABEL_STEP].partition("-")
        # SuccessCriteriaMet and FailureTarget come before the last pods have terminated: there is
        # no need to wait for those pods.
        true = {c["type"] for c in status.get("conditions") or [] if c["status"] == "True"}
        failed = bool(true & {"FailureTarget", "Failed"})
        completions, completed = spec.get("completions", 0), status.get("completedIndexes")
        if not 0 <= completions <= SHARDS_PER_JOB or count_indexes(completed) > completions:
            raise ValueError(f"has {completions} indexes; ours have at most {SHARDS_PER_JOB}")
        shards = annotations.get(ANNOTATION_SHARDS, "")
        first = first_shard(int(chunk or 0))
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            batch_uid=labels[LABEL_BATCH_UID],
            step=Step(step),
            chunk=int(chunk or 0),
            run=int(labels[LABEL_RUN]),
            started=datetime.fromisoformat(status.get("startTime") or meta["creationTimestamp"]),
            queue=labels.get(LABEL_KUEUE_QUEUE) or None,
            # Kueue sets the Job's label in a namespace with a default queue, not the template's.
            made_for_queue=made_for.get(LABEL_KUEUE_QUEUE) or None,
            priority_class=labels.get(LABEL_KUEUE_PRIORITY) or None,
            template=annotations.get(ANNOTATION_TEMPLATE),
            waits=ANNOTATION_WAITS in annotations,
            plans_only=ANNOTATION_PLANS_ONLY in annotations,
            succeeded=bool(true & {"SuccessCriteriaMet", "Complete"}),
            failed=failed,
            suspended=bool(spec.get("suspend")),
            deleting=bool(meta.get("deletionTimestamp")),
            parallelism=spec.get("parallelism", 1),
            completions=completions,
            shards=shards,
            incomplete=_others(first, completions, completed) if failed and not shards else "",
            completed_indexes=count_indexes(completed),
            failed_indexes=count_indexes(status.get("failedIndexes")),
            active=status.get("active") or 0,
            ready=status.get("ready") or 0,
            failed_pods=status.get("failed") or 0,
        )


def _others(first: int, completions: int, completed: str | None) -> str:
    """Return the numbers of the shards whose indexes are not in ``completed``."""
    done = set(parse_indexes(completed))
    return format_indexes(first + index for index in range(completions) if index not in done)


@dataclass(frozen=True, slots=True)
class Look:
    """The time at which a Job's pods were last read, and the state of the Job at that time.

    ``repeats`` counts the earlier looks in a row that found the same exit code and the same number
    of completed indexes.
    """

    at: datetime
    failed_pods: int
    finished: bool
    completed_indexes: int
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class PodOutcome:
    """How a pod ended; all fields are ``None`` when no ended pod is left to read.

    ``detail`` is the reason that Kubernetes gives for a pod without a message. ``look`` says when
    the pod was read; without it the outcome counts as read just now.
    """

    exit_code: int | None = None
    message: RunnerMessage | None = None
    detail: str | None = None
    look: Look | None = None

    @property
    def error(self) -> str | None:
        """Why the pod failed, in a sentence."""
        return (self.message.error if self.message else None) or self.detail


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason not to accept a batch; ``permanent`` if waiting cannot help."""

    reason: Reason
    message: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier batch; ``storage`` is the root of its data, if recorded.

    If it is a retry itself, ``outputs`` are the uids of the data that it took over.
    """

    uid: str
    storage: str | None = None
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the API server refuses a Job; ``since`` is the first try, ``tried`` the last one."""

    text: str
    since: datetime
    tried: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether the limits on running batches let this one run, and else its place in the queue.

    ``limits`` says what the limits are.
    """

    granted: bool
    position: int = 0
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """The input of a pass besides the batch itself.

    ``outcomes`` and ``blocked`` are keyed by Job name; they hold what the shell read because a
    decision asked for it. ``outdated`` names the Jobs whose pod template would be different now.
    ``storage``, the root of the batch's data, is set in the pass that accepts the batch.
    ``earlier``, the batch whose outputs are reused, is set in the pass that finds it.
    ``turn`` is ``None`` when no limit on running batches applies. ``ceilings`` are the release's;
    ``retention`` is that of an ended batch.
    """

    jobs: tuple[JobView, ...] = ()
    refusal: Refusal | None = None
    obstacle: Obstacle | None = None
    outdated: frozenset[str] = frozenset()
    storage: str | None = None
    earlier: Earlier | None = None
    turn: Turn | None = None
    ceilings: Ceilings = NO_CEILINGS
    retention: Retention = KEPT
    outcomes: Mapping[str, PodOutcome] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)


def find(seen: Observation, step: Step, chunk: int, run: int) -> JobView | None:
    """Return the Job of a run, if it exists."""
    return next((j for j in seen.jobs if (j.step, j.chunk, j.run) == (step, chunk, run)), None)


def fits(total: int, job: JobView) -> bool:
    """Return whether a shard Job has an index for each of its shards, of a batch of ``total``.

    One that began before the plan was known may have more or fewer.
    """
    if job.shards or not job.completions:
        return True
    return job.completions == chunk_size(total, job.chunk)


def first_pass(seen: Observation, total: int, chunk: int, run: int) -> JobView | None:
    """Return the Job whose failed shards a run of the same chunk runs once more, if there is one.

    It stays, ended, until the batch ends. ``total`` is the number of the batch's shards.
    """
    earlier = (
        job
        for job in seen.jobs
        if (job.step, job.chunk) == (Step.COMPRESS, chunk)
        and job.run < run
        and job.incomplete
        and fits(total, job)
        and not job.deleting
    )
    return max(earlier, key=lambda job: job.run, default=None)
