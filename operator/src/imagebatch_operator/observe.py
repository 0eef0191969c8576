"""Collect the input of a pass: watched objects, results of requests, and of earlier passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from imagebatch_core.ceilings import Ceilings
from imagebatch_core.reasons import ConditionType
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster import pods, workloads
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Forbidden, Kube
from imagebatch_operator.cluster.runner_configs import RunnerConfigs
from imagebatch_operator.cluster.work_queue import Key
from imagebatch_operator.policies.accepted import begun
from imagebatch_operator.policies.actions import CreateJob, ExplainBlocked, ReadOutcome
from imagebatch_operator.policies.failed_pods import after_look
from imagebatch_operator.policies.observed import (
    Earlier,
    JobView,
    Observation,
    Obstacle,
    PodOutcome,
    Refusal,
)
from imagebatch_operator.policies.reuse import earlier_batch

from . import admission, jobs
from .settings import Settings


@dataclass(slots=True)
class _Memory:
    """What is remembered about one batch between passes. After a restart it is read again."""

    uid: str
    obstacle: Obstacle | None = None
    outcomes: dict[str, PodOutcome] = field(default_factory=dict)


class Observer:
    """Makes the observation for each pass, and remembers results between passes."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        settings: Settings,
        clock: Callable[[], datetime],
        configs: RunnerConfigs,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._configs = configs
        self._memories: dict[Key, _Memory] = {}

    async def observe(self, batch: ImageBatch) -> Observation:
        """Return the observation of a batch, without reading any pod now."""
        earlier = self._earlier(batch)
        waits = earlier if isinstance(earlier, Refusal) else None
        accepted = await self._accept(batch, waits)
        refusal = accepted if isinstance(accepted, Refusal) else waits
        views = self._cache.jobs(batch.namespace, batch.uid)
        memory = self._memory(batch)
        there = {view.name for view in views}
        memory.outcomes = {job: told for job, told in memory.outcomes.items() if job in there}
        # The event of a pod's end arrives about a second before that of its Job's.
        memory.outcomes |= {view.name: told for view in views if (told := self._cache.done(view))}
        return Observation(
            jobs=views,
            refusal=refusal,
            ceilings=await self._ceilings(batch, views),
            obstacle=memory.obstacle,
            outdated=await self._outdated(batch, views),
            storage=None if isinstance(accepted, Refusal) or waits else accepted,
            earlier=None if refusal is not None or isinstance(earlier, Refusal) else earlier,
            outcomes=memory.outcomes,
        )

    async def look(
        self, batch: ImageBatch, seen: Observation, looks: Iterable[ReadOutcome | ExplainBlocked]
    ) -> Observation:
        """Read the pods that a decision asked for, and return the observation with the results."""
        views = {view.name: view for view in seen.jobs}
        outcomes, blocked = dict(seen.outcomes), dict(seen.blocked)
        for look in looks:
            job = views[look.job]
            if isinstance(look, ReadOutcome):
                found = await pods.read_outcome(self._kube, batch.namespace, job)
                told = after_look(outcomes.get(job.name), found, job, self._clock())
                outcomes[job.name] = told
            else:
                explain = workloads.explain_held if job.held else pods.explain_blocked
                blocked[job.name] = await explain(self._kube, batch.namespace, job)
        self._memory(batch).outcomes = outcomes
        return replace(seen, outcomes=outcomes, blocked=blocked)

    def obstacle(self, batch: ImageBatch) -> Obstacle | None:
        return self._memory(batch).obstacle

    def refused_job(self, batch: ImageBatch, text: str) -> None:
        """Remember that the API server refused to create a Job."""
        memory, now = self._memory(batch), self._clock()
        since = memory.obstacle.since if memory.obstacle else now
        memory.obstacle = Obstacle(text, since, now)

    def created_job(self, batch: ImageBatch) -> None:
        self._memory(batch).obstacle = None

    def forget(self, key: Key) -> None:
        """Forget a batch that is deleted or has ended."""
        self._memories.pop(key, None)

    def _memory(self, batch: ImageBatch) -> _Memory:
        """Return the memory of this batch, not that of an earlier batch of the same name."""
        key = (batch.namespace, batch.name)
        memory = self._memories.get(key)
        if memory is None or memory.uid != batch.uid:
            memory = self._memories[key] = _Memory(batch.uid)
        return memory

    async def _ceilings(self, batch: ImageBatch, views: Iterable[JobView]) -> Ceilings:
        """Return the ceilings of the release and, while the batch has Jobs, of its namespace.

        Before its first Job, a batch is judged by both when it is accepted.
        """
        ended = batch.status.phase is not None and batch.status.phase.finished
        if ended or not views:
            return self._settings.ceilings
        try:
            config = await self._configs.of(batch.namespace)
        except Forbidden:
            return self._settings.ceilings  # the operator's Role is gone, and the ceilings with it
        return self._settings.narrowed(config.ceilings).ceilings

    async def _outdated(self, batch: ImageBatch, views: Iterable[JobView]) -> frozenset[str]:
        """Return the names of the Jobs to which the settings would now give another pod template.

        A Job with a ready pod is left as it is, and so is a Job of an old release that did not
        record its template's hash.
        """
        idle = [view for view in views if view.idle_since is not None and view.template is not None]
        if not idle:
            return frozenset()
        config = await self._configs.of(batch.namespace)
        settings = self._settings.narrowed(config.ceilings)
        made_now = {
            view.name: jobs.template_hash(
                batch,
                CreateJob(view.step, view.run, view.chunk, numbers=view.shards, waits=view.waits),
                settings,
                config.secret,
            )
            for view in idle
        }
        return frozenset(view.name for view in idle if view.template != made_now[view.name])

    async def _accept(self, batch: ImageBatch, waits: Refusal | None) -> str | Refusal | None:
        """Return the root key of the batch's data in the pass that accepts it, or a refusal.

        ``None`` when there is nothing to check. ``waits`` is the refusal while the batch waits for
        its earlier batch.
        """
        ended = batch.status.phase is not None and batch.status.phase.finished
        if begun(batch) or ended or batch.deletion_timestamp is not None:
            return None
        accepted = batch.status.condition(ConditionType.ACCEPTED)
        is_accepted = batch.status.is_true(ConditionType.ACCEPTED)
        # A batch that an older release accepted has no recorded root: it is checked again.
        if is_accepted and batch.status.storage is not None:
            # The batch was suspended from the start: no work is lost if a change since is refused.
            return admission.spec_refused(batch, self._settings)
        if waits is not None and accepted is not None and accepted.reason is waits.reason:
            # The other checks passed before the wait began, and run again after it: a wait of hours
            # sends no requests to the API server.
            return admission.spec_refused(batch, self._settings)
        return await admission.accept(batch, self._kube, self._settings)

    def _earlier(self, batch: ImageBatch) -> Earlier | Refusal | None:
        """Return the earlier batch of ``spec.reuseFrom``, or why it cannot be used yet.

        ``None`` once the status has recorded it, which happens before the first Job.
        """
        ended = batch.status.phase is not None and batch.status.phase.finished
        if batch.status.reuse is not None or begun(batch) or ended:
            return None
        return earlier_batch(
            batch, lambda name: self._cache.batch((batch.namespace, name)), self._clock()
        )
