"""Observe, decide, write the status, act: the shell around `decide`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from imagebatch_core.job import Step
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import BatchRecord, ImageBatch, spec_problem
from imagebatch_core.status import ConditionStatus, ImageBatchStatus
from imagebatch_operator.cluster import pods
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    Kube,
    NotFound,
    batch_path,
    core_path,
    jobs_path,
)
from imagebatch_operator.cluster.events import record_phase_change
from imagebatch_operator.cluster.served_schema import ServedSchema
from imagebatch_operator.cluster.status_write import write_status
from imagebatch_operator.cluster.work_queue import Key
from imagebatch_operator.policies.accepted import begun
from imagebatch_operator.policies.actions import (
    Action,
    CreateJob,
    Decision,
    DeleteBatch,
    DeleteJob,
    DeliverWebhook,
    ExplainBlocked,
    PatchJob,
    ReadOutcome,
)
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation, PodOutcome, Refusal
from imagebatch_operator.policies.reuse import earlier_uid
from imagebatch_operator.policies.status import status_of_unreadable
from imagebatch_operator.webhook.outbox import Outbox

from . import admission, jobs
from .clock import utc_now
from .settings import Settings

_log = logging.getLogger(__name__)
_AFTER_CONFLICT = 0.2
_AFTER_OBSTACLE = 15.0
_LOOKS_PER_PASS = 4


class Occupied(Exception):
    """The name that a child object must have is a stranger's."""


class Reconciler:
    """One pass over one key; idempotent, and harmless to repeat at any point."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        schema: ServedSchema | None = None,
    ) -> None:
        self._kube = kube
        self._schema = schema or ServedSchema(kube)
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self.outbox = Outbox(kube, cache, settings, clock)
        #: Why a Job could not be created, with the batch's uid; forgotten on a restart, and found
        #: again by the next attempt to create.
        self._obstacles: dict[Key, tuple[str, str]] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Seconds after which time alone may change something. Raises KubeError."""
        body = self._cache.batch(key)
        if body is None:
            self._obstacles.pop(key, None)
            return None
        try:
            batch = ImageBatch.from_object(body)
        except ValidationError as error:
            return await self._unreadable(body, error)
        batch = await self._schema.without_defaults(batch)
        decision = await self._decide(batch)
        if not any(isinstance(action, CreateJob) for action in decision.actions):
            # Whatever stood in a Job's way does not matter any more: suspended, cancelled, over.
            self._obstacles.pop(key, None)
        try:
            batch = await self._write(batch, decision.status)
        except NotFound:
            self._cache.drop_batch(body)
            return None
        except Conflict:
            return _AFTER_CONFLICT
        try:
            for action in decision.actions:
                await self._act(batch, action)
        except Conflict:
            return _AFTER_CONFLICT
        if DeliverWebhook() in decision.actions:
            return self.outbox.send(batch)
        return self._after_obstacle(batch, decision.requeue_after)

    async def _unreadable(self, body: Mapping[str, Any], error: ValidationError) -> float | None:
        """Say so in the status; raises ValidationError when the status is not readable either."""
        batch = BatchRecord.from_object(body)
        status = status_of_unreadable(batch, spec_problem(error), self._clock())
        try:
            await write_status(self._kube, self._cache, batch, status)
        except NotFound:
            self._cache.drop_batch(body)
        except Conflict:
            return _AFTER_CONFLICT
        return None

    def _after_obstacle(self, batch: ImageBatch, requeue: float | None) -> float | None:
        if self._obstacle(batch) is None:
            return requeue
        shown = batch.status.condition(ConditionType.RECONCILING)
        told = shown is not None and shown.reason is Reason.PODS_BLOCKED
        return _AFTER_OBSTACLE if told else 0.0

    def _obstacle(self, batch: ImageBatch) -> str | None:
        """Of this very batch: one of its name may have been there before."""
        uid, text = self._obstacles.get((batch.namespace, batch.name), ("", ""))
        return text if uid == batch.uid else None

    async def _decide(self, batch: ImageBatch) -> Decision:
        earlier = self._earlier(batch)
        waits = earlier if isinstance(earlier, Refusal) else None
        refusal = await self._refusal(batch, waits) or waits
        seen = Observation(
            jobs=self._cache.jobs(batch.namespace, batch.uid),
            refusal=refusal,
            obstacle=self._obstacle(batch),
            earlier_uid=None if refusal is not None or isinstance(earlier, Refusal) else earlier,
        )
        outcomes: dict[str, PodOutcome] = {}
        blocked: dict[str, str] = {}
        decision = decide(batch, seen, self._clock())
        for _ in range(_LOOKS_PER_PASS):
            looks = [a for a in decision.actions if isinstance(a, ReadOutcome | ExplainBlocked)]
            if not looks:
                break
            for look in looks:
                if isinstance(look, ReadOutcome):
                    outcomes[look.job] = await pods.read_outcome(
                        self._kube, batch.namespace, look.job
                    )
                else:
                    blocked[look.job] = await pods.explain_blocked(
                        self._kube, batch.namespace, look.job
                    )
            seen = replace(seen, outcomes=outcomes, blocked=blocked)
            decision = decide(batch, seen, self._clock())
        return decision

    async def _refusal(self, batch: ImageBatch, waits: Refusal | None) -> Refusal | None:
        """``waits``: what it says while its earlier batch is waited for."""
        ended = batch.status.phase is not None and batch.status.phase.finished
        if begun(batch) or ended or batch.deletion_timestamp is not None:
            return None
        accepted = batch.status.condition(ConditionType.ACCEPTED)
        if accepted is not None and accepted.status is ConditionStatus.TRUE:
            # Suspended from the start: nothing is lost by refusing what was changed since.
            return admission.not_acted_on(batch)
        if waits is not None and accepted is not None and accepted.reason is waits.reason:
            # All else was looked at before that could be said, and is again once the wait is over:
            # a wait of hours costs the API server nothing.
            return admission.not_acted_on(batch)
        return await admission.refusal(batch, self._kube, self._settings)

    def _earlier(self, batch: ImageBatch) -> str | Refusal | None:
        """Looked up until it is in the status, which is before the first Job."""
        ended = batch.status.phase is not None and batch.status.phase.finished
        if batch.status.reuse is not None or begun(batch) or ended:
            return None
        return earlier_uid(
            batch, lambda name: self._cache.batch((batch.namespace, name)), self._clock()
        )

    async def _write(self, batch: ImageBatch, status: ImageBatchStatus) -> ImageBatch:
        written = await write_status(self._kube, self._cache, batch, status)
        if written.status.phase != batch.status.phase:
            _log.info("batch %s/%s: %s", batch.namespace, batch.name, written.status.phase)
            await record_phase_change(self._kube, written, self._clock())
        return written

    async def _act(self, batch: ImageBatch, action: Action) -> None:
        kube, namespace = self._kube, batch.namespace
        match action:
            case CreateJob():
                await self._create_job(batch, action)
            case PatchJob(name=name):
                spec = {"suspend": action.suspend, "parallelism": action.parallelism}
                changed = {key: value for key, value in spec.items() if value is not None}
                # A Job that is gone is created again by the pass that its deletion brings about.
                with contextlib.suppress(NotFound):
                    body = await kube.patch(jobs_path(namespace, name), {"spec": changed})
                    self._cache.put_job(body)
            case DeleteJob(name=name):
                await kube.delete(jobs_path(namespace, name))
            case DeleteBatch():
                await kube.delete(batch_path(namespace, batch.name), uid=batch.uid)
            case DeliverWebhook():
                pass  # sent once all other actions are done
            case ReadOutcome() | ExplainBlocked():
                pass  # answered while deciding; more of them than looks waits for the next pass

    async def _create_job(self, batch: ImageBatch, action: CreateJob) -> None:
        job = jobs.construct_job(batch, action, self._settings)
        try:
            if batch.spec.source.inline is not None and action.step is Step.PLAN:
                source = jobs.inline_config_map(batch)
                await self._create_or_get(batch, core_path(batch.namespace, "configmaps"), source)
            body = await self._create_or_get(batch, jobs_path(batch.namespace), job)
        except (Forbidden, Invalid, Occupied) as error:
            # A quota, a policy or a stranger's object: people must see why nothing happens.
            _log.warning("batch %s/%s: %s", batch.namespace, batch.name, error)
            self._obstacles[batch.namespace, batch.name] = (batch.uid, str(error))
            return
        self._obstacles.pop((batch.namespace, batch.name), None)
        self._cache.put_job(body)

    async def _create_or_get(
        self, batch: ImageBatch, path: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An object of ours that is there already counts as created."""
        try:
            return await self._kube.create(path, body)
        except AlreadyExists as error:
            name = body["metadata"]["name"]
            found = await self._kube.get(f"{path}/{name}")
            owners = found["metadata"].get("ownerReferences") or []
            if any(owner["uid"] == batch.uid for owner in owners):
                return found
            raise Occupied(f"{body['kind']} {name} exists and belongs to another owner") from error
