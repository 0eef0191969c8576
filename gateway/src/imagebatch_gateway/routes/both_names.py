"""Calls that two generations of clients know under different names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


def under_both_names(
    method: Callable[..., Callable[[HandlerT], HandlerT]],
    path: str,
    older_path: str,
    *,
    operation_id: str,
    summary: str,
    **options: Any,
) -> Callable[[HandlerT], HandlerT]:
    """Register a handler under both paths; ``method`` is the router's, as ``router.get``."""

    def register(handler: HandlerT) -> HandlerT:
        method(path, operation_id=operation_id, summary=summary, **options)(handler)
        older = {"operation_id": f"{operation_id}OlderName"}
        return method(older_path, summary=f"{path} under its older name", **older, **options)(
            handler
        )

    return register
