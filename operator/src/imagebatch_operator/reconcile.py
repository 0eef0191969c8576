"""The shell around `decide`: observe, decide, write the status, carry out the actions."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from imagebatch_core.job import Step
from imagebatch_core.resource import BatchRecord, ImageBatch, spec_problem
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
from imagebatch_operator.cluster.runner_configs import RunnerConfigs
from imagebatch_operator.cluster.served_schema import ServedSchema
from imagebatch_operator.cluster.status_write import write_status
from imagebatch_operator.cluster.work_queue import Key
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
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.status import status_of_unreadable
from imagebatch_operator.policies.turns import Limits
from imagebatch_operator.webhook.delivery import Deliver, deliver
from imagebatch_operator.webhook.outbox import Outbox

from . import jobs
from .clock import utc_now
from .keeping import Keeping
from .observe import Observer
from .queueing import Queueing
from .settings import Settings

_log = logging.getLogger(__name__)
_LOOKS_PER_PASS = 4


class Occupied(Exception):
    """The name of a child object is taken by an object of another owner."""


class Reconciler:
    """Runs one pass over one key; a pass may be repeated, or stop at any point, without harm."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        schema: ServedSchema | None = None,
        *,
        deliver: Deliver = deliver,
    ) -> None:
        self._kube = kube
        self._schema = schema or ServedSchema(kube)
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self.outbox = Outbox(kube, cache, settings, clock, deliver)
        self._configs = RunnerConfigs(kube)
        self._observer = Observer(kube, cache, settings, clock, self._configs)
        limits = Limits(settings.running_batches, settings.running_batches_per_namespace)
        self._queueing = Queueing(cache, limits, clock)
        self._keeping = Keeping(cache, settings)

    async def reconcile(self, key: Key) -> float | None:
        """Run one pass, and return the seconds after which time alone may require another.

        Raises:
            KubeError: the API server refused a request.
        """
        body, failed = self._cache.batch(key), True
        try:
            if body is None:
                self._observer.forget(key)
                again = None
            else:
                again = await self._reconcile(key, body)
            failed = False
        except Conflict as error:
            again = await self._read_again(key, body or {}, error)
            failed = False
        finally:
            self._queueing.passed(key, failed=failed)
        return again

    def due(self) -> list[Key]:
        """Return the batches that need a pass because of others: their turn has come or is over,
        or newer ones have ended."""
        return [*self._queueing.due(), *self._keeping.due()]

    async def _read_again(self, key: Key, body: Mapping[str, Any], error: Conflict) -> float | None:
        """After a Conflict, read the batch into the cache again and ask for a pass at once.

        Raises:
            Conflict: the API server has the very version that the pass decided on.
            VersionsWentBack: the API server has an older version.
        """
        known = self._cache.version(key)
        try:
            found = await self._kube.get(batch_path(*key))
        except NotFound:
            self._cache.drop_batch(body)
            return None
        if found["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]:
            raise error
        self._cache.put_found(found, known)
        return 0.0

    async def _reconcile(self, key: Key, body: Mapping[str, Any]) -> float | None:
        try:
            batch = ImageBatch.from_object(body)
        except ValidationError as error:
            return await self._unreadable(body, error)
        batch = await self._schema.without_defaults(batch)
        decision = await self._decide(batch)
        obstacle = self._observer.obstacle(batch)
        try:
            batch = await write_status(
                self._kube, self._cache, batch, decision.status, self._clock()
            )
        except NotFound:
            self._cache.drop_batch(body)
            return None
        for action in decision.actions:
            await self._act(batch, action)
        if batch.status.phase is not None and batch.status.phase.finished:
            self._observer.forget(key)
        elif self._observer.obstacle(batch) not in (None, obstacle):
            return 0.0  # the next pass writes the obstacle into the status
        if DeliverWebhook() in decision.actions:
            again = self.outbox.send(batch)
            wait = decision.requeue_after
            return again if wait is None else min(again, wait)
        return decision.requeue_after

    async def _unreadable(self, body: Mapping[str, Any], error: ValidationError) -> float | None:
        """Write into the status that the spec cannot be read.

        Raises:
            ValidationError: the status cannot be read either.
        """
        batch = BatchRecord.from_object(body)
        status = status_of_unreadable(batch, spec_problem(error), self._clock())
        try:
            await write_status(self._kube, self._cache, batch, status, self._clock())
        except NotFound:
            self._cache.drop_batch(body)
        return None

    async def _decide(self, batch: ImageBatch) -> Decision:
        seen = await self._observer.observe(batch)
        decision = self._with_turn(batch, seen)
        for _ in range(_LOOKS_PER_PASS):
            looks = [a for a in decision.actions if isinstance(a, ReadOutcome | ExplainBlocked)]
            if not looks:
                break
            seen = await self._observer.look(batch, seen, looks)
            decision = self._with_turn(batch, seen)
        return decision

    def _with_turn(self, batch: ImageBatch, seen: Observation) -> Decision:
        """Decide, and take or give back the batch's turn. Nothing may be awaited in between."""
        retention = self._keeping.retention(batch)
        seen = replace(seen, turn=self._queueing.turn(batch), retention=retention)
        decision = decide(batch, seen, self._clock())
        self._queueing.decided(batch, decision)
        return decision

    async def _act(self, batch: ImageBatch, action: Action) -> None:
        kube, namespace = self._kube, batch.namespace
        match action:
            case CreateJob():
                await self._create_job(batch, action)
            case PatchJob(name=name):
                # If the Job is gone, its deletion causes a pass that creates it again.
                with contextlib.suppress(NotFound):
                    body = await kube.patch(jobs_path(namespace, name), jobs.job_patch(action))
                    self._cache.put_job(body)
            case DeleteJob(name=name, after_pods=after_pods):
                await kube.delete(jobs_path(namespace, name), foreground=after_pods)
            case DeleteBatch():
                text = "batch %s/%s is deleted: its time to live is over, or newer ones have ended"
                _log.info(text, namespace, batch.name)
                await kube.delete(batch_path(namespace, batch.name), uid=batch.uid)
            case DeliverWebhook():
                pass  # sent after all other actions
            case ReadOutcome() | ExplainBlocked():
                pass  # answered while deciding; beyond the number of looks, by the next pass

    async def _create_job(self, batch: ImageBatch, action: CreateJob) -> None:
        config = await self._configs.of(batch.namespace)
        settings = self._settings.narrowed(config.ceilings)
        job = jobs.construct_job(batch, action, settings, config.secret)
        try:
            if batch.spec.source.inline is not None and action.step is Step.PLAN:
                source = jobs.inline_config_map(batch)
                await self._create_or_get(batch, core_path(batch.namespace, "configmaps"), source)
            body = await self._create_or_get(batch, jobs_path(batch.namespace), job)
        except (Forbidden, Invalid, Occupied) as error:
            # A quota, a policy or another owner's object: the status must say why nothing happens.
            _log.warning("batch %s/%s: %s", batch.namespace, batch.name, error)
            if not (action.step is Step.COMPRESS and action.waits):  # it is made again after plan
                self._observer.refused_job(batch, str(error))
            return
        self._observer.created_job(batch)
        self._cache.put_job(body)

    async def _create_or_get(
        self, batch: ImageBatch, path: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Create an object and return it, or return the existing one if this batch owns it.

        Raises:
            Occupied: an object of that name belongs to another owner.
        """
        try:
            return await self._kube.create(path, body)
        except AlreadyExists as error:
            name = body["metadata"]["name"]
            found = await self._kube.get(f"{path}/{name}")
            owners = found["metadata"].get("ownerReferences") or []
            if any(owner["uid"] == batch.uid for owner in owners):
                return found
            raise Occupied(f"{body['kind']} {name} exists and belongs to another owner") from error
