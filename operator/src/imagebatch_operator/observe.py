"""What a pass decides on: what is watched, what is asked for, and what earlier passes met."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from imagebatch_core.reasons import ConditionType
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ConditionStatus
from imagebatch_operator.cluster import pods
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Kube
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
    """Of one batch. It is lost on a restart, and what it holds is found out again."""

    uid: str
    obstacle: Obstacle | None = None
    outcomes: dict[str, PodOutcome] = field(default_factory=dict)


class Observer:
    """Makes the observation of each pass."""

    def __init__(
        self, kube: Kube, cache: Cache, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._memories: dict[Key, _Memory] = {}

    async def observe(self, batch: ImageBatch) -> Observation:
        """What is known without looking at a pod."""
        earlier = self._earlier(batch)
        waits = earlier if isinstance(earlier, Refusal) else None
        accepted = await self._accept(batch, waits)
        refusal = accepted if isinstance(accepted, Refusal) else waits
        views = self._cache.jobs(batch.namespace, batch.uid)
        memory = self._memory(batch)
        there = {view.name for view in views}
        memory.outcomes = {job: told for job, told in memory.outcomes.items() if job in there}
        return Observation(
            jobs=views,
            refusal=refusal,
            obstacle=memory.obstacle,
            outdated=frozenset(view.name for view in views if self._is_outdated(batch, view)),
            storage=None if isinstance(accepted, Refusal) or waits else accepted,
            earlier=None if refusal is not None or isinstance(earlier, Refusal) else earlier,
            outcomes=memory.outcomes,
        )

    async def look(
        self, batch: ImageBatch, seen: Observation, looks: Iterable[ReadOutcome | ExplainBlocked]
    ) -> Observation:
        """With what was asked for."""
        views = {view.name: view for view in seen.jobs}
        outcomes, blocked = dict(seen.outcomes), dict(seen.blocked)
        for look in looks:
            job = views[look.job]
            if isinstance(look, ReadOutcome):
                found = await pods.read_outcome(self._kube, batch.namespace, job)
                told = after_look(outcomes.get(job.name), found, job, self._clock())
                outcomes[job.name] = told
            else:
                text = await pods.explain_blocked(self._kube, batch.namespace, job)
                blocked[job.name] = text
        self._memory(batch).outcomes = outcomes
        return replace(seen, outcomes=outcomes, blocked=blocked)

    def obstacle(self, batch: ImageBatch) -> Obstacle | None:
        return self._memory(batch).obstacle

    def refused_job(self, batch: ImageBatch, text: str) -> None:
        """The API server did not take a Job."""
        memory, now = self._memory(batch), self._clock()
        since = memory.obstacle.since if memory.obstacle else now
        memory.obstacle = Obstacle(text, since, now)

    def created_job(self, batch: ImageBatch) -> None:
        self._memory(batch).obstacle = None

    def forget(self, key: Key) -> None:
        """The batch is gone, or needs no Job any more."""
        self._memories.pop(key, None)

    def _memory(self, batch: ImageBatch) -> _Memory:
        """Of this very batch: one of its name may have been there before."""
        key = (batch.namespace, batch.name)
        memory = self._memories.get(key)
        if memory is None or memory.uid != batch.uid:
            memory = self._memories[key] = _Memory(batch.uid)
        return memory

    def _is_outdated(self, batch: ImageBatch, view: JobView) -> bool:
        """Of Jobs without a ready pod alone: the others are left as they are, and so are those of
        a release that did not record how it made them."""
        if view.idle_since is None or view.template is None:
            return False
        made_now = CreateJob(view.step, view.run, view.chunk)
        template = jobs.pod_template(batch, made_now, self._settings)
        return view.template != jobs.template_hash(template)

    async def _accept(self, batch: ImageBatch, waits: Refusal | None) -> str | Refusal | None:
        """The root of the batch's data in the pass that accepts it, or why it is refused.

        ``waits``: what it says while its earlier batch is waited for.
        """
        ended = batch.status.phase is not None and batch.status.phase.finished
        if begun(batch) or ended or batch.deletion_timestamp is not None:
            return None
        accepted = batch.status.condition(ConditionType.ACCEPTED)
        is_accepted = accepted is not None and accepted.status is ConditionStatus.TRUE
        # An older release did not record where the data of what it accepted would lie.
        if is_accepted and batch.status.storage is not None:
            # Suspended from the start: nothing is lost by refusing what was changed since.
            return admission.not_acted_on(batch)
        if waits is not None and accepted is not None and accepted.reason is waits.reason:
            # All else was looked at before that could be said, and is again once the wait is over:
            # a wait of hours costs the API server nothing.
            return admission.not_acted_on(batch)
        return await admission.accept(batch, self._kube, self._settings)

    def _earlier(self, batch: ImageBatch) -> Earlier | Refusal | None:
        """Looked up until it is in the status, which is before the first Job."""
        ended = batch.status.phase is not None and batch.status.phase.finished
        if batch.status.reuse is not None or begun(batch) or ended:
            return None
        return earlier_batch(
            batch, lambda name: self._cache.batch((batch.namespace, name)), self._clock()
        )
