"""Keeps count of the batches that run and wait, and tells a pass whether its batch has a turn.

The count comes from the watched batches and Jobs alone, so a new process has the same one. A pass
that lets a batch run counts it at once, before the status is written: two passes never take the
same turn.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.work_queue import Key
from imagebatch_operator.policies.actions import CreateJob, Decision
from imagebatch_operator.policies.observed import Turn
from imagebatch_operator.policies.running_limit import decided_entry, recorded_entry, wanted_entry
from imagebatch_operator.policies.turns import Limits, Turns


class Queueing:
    """The turns of all watched batches. Without a limit it does nothing."""

    def __init__(self, cache: Cache, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._clock = clock
        self._turns = Turns(limits)
        #: Batches whose pass creates a Job: they run, though the cache has no Job yet.
        self._creating: set[Key] = set()
        if limits:
            cache.on_change(self._read)
            for key in cache.keys_now():
                self._read(key)

    def turn(self, batch: ImageBatch) -> Turn | None:
        """Return the turn of a batch that might run; ``None`` if no limit applies to it.

        Call :meth:`decided` before anything is awaited.
        """
        key = (batch.namespace, batch.name)
        body, limits = self._cache.batch(key), self._turns.limits
        finished = batch.status.phase is not None and batch.status.phase.finished
        if not limits or body is None or finished:
            return None
        jobs = self._cache.jobs(batch.namespace, batch.uid)
        if self._turns.runs(key) and self._turns.has_turn(key):
            return Turn(granted=True)
        waiting = wanted_entry(body, jobs)
        if waiting is None:
            return None
        self._turns.put(key, waiting)
        if self._turns.has_turn(key):
            return Turn(granted=True)
        return Turn(False, self._turns.position(key, self._clock()), str(limits))

    def decided(self, batch: ImageBatch, decision: Decision) -> None:
        """Count the batch as its pass decided."""
        key = (batch.namespace, batch.name)
        body = self._cache.batch(key)
        if not self._turns.limits or body is None:
            return
        creates = any(isinstance(action, CreateJob) for action in decision.actions)
        if creates:
            self._creating.add(key)
        jobs = self._cache.jobs(batch.namespace, batch.uid)
        self._turns.put(key, decided_entry(body, jobs, decision.status, creates=creates))

    def passed(self, key: Key, *, failed: bool) -> None:
        """Count the batch as the cache has it, after its pass.

        One whose pass failed does not wait for a turn until its next pass, so that it holds up no
        other.
        """
        if not self._turns.limits:
            return
        self._creating.discard(key)
        self._read(key)
        if failed and not self._turns.runs(key):
            self._turns.put(key, None)

    def due(self) -> list[Key]:
        """Return the batches to look at, because their turn has come or is over."""
        return self._turns.due()

    def _read(self, key: Key) -> None:
        body = self._cache.batch(key)
        if body is None:
            self._turns.put(key, None)
            return
        jobs = self._cache.jobs(key[0], body["metadata"]["uid"])
        self._turns.put(key, recorded_entry(body, jobs, creates=key in self._creating))
