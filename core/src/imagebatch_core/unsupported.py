"""The fields of the spec that this release does not support yet.

The gateway refuses them at upload, the operator in a batch that was applied. The commit that makes
a field work removes it from this list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .spec import ImageBatchSpec

_ASKED: Final[Mapping[str, Callable[[ImageBatchSpec], bool]]] = {
    "spec.runner": lambda spec: spec.runner is not None,
}


def unsupported(spec: ImageBatchSpec) -> list[str]:
    """Return the paths of the fields in a spec that this release does not act on."""
    return [field for field, asks in _ASKED.items() if asks(spec)]


def explain_unsupported(fields: Sequence[str], advice: str = "leave it out") -> str:
    """Return the sentence that refuses these fields; ``advice`` says what to do."""
    return f"this release does not act on {', '.join(fields)} yet; {advice}"
