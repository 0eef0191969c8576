"""The scope of a list or watch: kinds of objects, in one namespace or in all."""

from __future__ import annotations

from dataclasses import dataclass

from imagebatch_core.names import API_VERSION

from .client import jobs_path
from .watches import BOTH, JOBS


@dataclass(frozen=True, slots=True)
class Scope:
    """Kinds, by their plurals, in a namespace; ``None`` stands for all namespaces."""

    namespace: str | None
    kinds: tuple[str, ...] = BOTH

    def path(self, kind: str) -> str:
        """Return the path at which objects of this kind are listed."""
        if kind == JOBS:
            return jobs_path(self.namespace)
        inside = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"/apis/{API_VERSION}{inside}/{kind}"

    def __str__(self) -> str:
        place = f"namespace {self.namespace}" if self.namespace else "the cluster"
        return place if self.kinds == BOTH else f"{', '.join(self.kinds)} of {place}"
