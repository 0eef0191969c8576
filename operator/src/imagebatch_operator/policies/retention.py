"""Decide how long ended batches are kept, by the chart's default TTL and limit on their number.

Both do not apply to batches that Argo CD or Flux manages: these create again what is deleted, and
it would run again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus

from .turns import Key

#: Labels and annotations that Argo CD and Flux put on what they create from Git.
GITOPS_MARKS: Final = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)


@dataclass(frozen=True, slots=True)
class Retention:
    """The chart's settings for keeping one ended batch.

    ``ttl`` is the default of ``ttlSecondsAfterFinished``. ``surplus``: its namespace has as many
    newer ended batches as are kept.
    """

    ttl: int | None = None
    surplus: bool = False


KEPT: Final = Retention()


def from_git(batch: ImageBatch) -> bool:
    """Whether Argo CD or Flux manages the batch."""
    return any(mark in batch.labels or mark in batch.annotations for mark in GITOPS_MARKS)


def awaited(name: str, others: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether one of ``others``, batches in the API server's JSON, waits to use the batch.

    One whose status has recorded the batch needs its resource no longer.
    """
    for body in others:
        spec = body.get("spec") or {}
        sources = (spec.get("reuseFrom"), (spec.get("source") or {}).get("retryOf"))
        if any(source and source.get("name") == name for source in sources):
            status = ImageBatchStatus.model_validate(body.get("status") or {})
            ended = status.phase is not None and status.phase.finished
            if status.reuse is None and not ended:
                return True
    return False


class EndedBatches:
    """The ended batches of each namespace by the time of their end."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._ends: dict[Key, str] = {}
        self._by_namespace: dict[str, list[tuple[str, str]]] = {}
        self._changed: set[str] = set()

    def put(self, body: Mapping[str, Any] | None, key: Key) -> None:
        """Record a batch, given as the API server's JSON; ``None`` if it is gone."""
        end = ((body or {}).get("status") or {}).get("completionTime")
        old = self._ends.pop(key, None)
        if end is not None:
            self._ends[key] = end
        if old == end:
            return
        namespace, name = key
        ends = self._by_namespace.setdefault(namespace, [])
        if old is not None:
            del ends[bisect_left(ends, (old, name))]
        if end is not None:
            insort(ends, (end, name))
        self._changed.add(namespace)

    def is_surplus(self, key: Key) -> bool:
        """Return whether the batch exceeds the number of ended batches to keep in its namespace."""
        namespace, name = key
        end = self._ends.get(key)
        if end is None:
            return False
        ends = self._by_namespace[namespace]
        return len(ends) - bisect_left(ends, (end, name)) > self._keep

    def due(self) -> list[Key]:
        """Return the batches that became surplus in a namespace that changed since the last call.

        A surplus batch is returned again with each change, as long as it is there.
        """
        found = [
            (namespace, name)
            for namespace in self._changed
            for _, name in self._by_namespace[namespace][: -self._keep]
        ]
        self._changed.clear()
        return found
