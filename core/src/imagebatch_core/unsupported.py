"""What the resource can say and this release does not do yet, named once.

The gateway refuses it at upload, the operator when it is applied. A field leaves this list in the
commit that makes it work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .spec import DeletionPolicy, ImageBatchSpec

_ASKED: Final[Mapping[str, Callable[[ImageBatchSpec], bool]]] = {
    "spec.source.retryOf": lambda spec: spec.source.retry_of is not None,
    "spec.deletionPolicy: Delete": lambda spec: spec.deletion_policy is DeletionPolicy.DELETE,
    "spec.runner": lambda spec: spec.runner is not None,
}


def unsupported(spec: ImageBatchSpec) -> list[str]:
    """The fields of a spec that this release does not act on, by their paths."""
    return [field for field, asks in _ASKED.items() if asks(spec)]


def explain_unsupported(fields: Sequence[str], advice: str = "leave it out") -> str:
    """The sentence that refuses these fields; ``advice`` says what to do."""
    return f"this release does not act on {', '.join(fields)} yet; {advice}"
