"""Registers calls under two paths, for clients that use the older names."""

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
    """Return a decorator that registers a handler under both paths.

    ``method`` is a method of the router such as ``router.get``; ``options`` are passed on to it.
    """

    def register(handler: HandlerT) -> HandlerT:
        method(path, operation_id=operation_id, summary=summary, **options)(handler)
        older = {"operation_id": f"{operation_id}OlderName"}
        return method(older_path, summary=f"{path} under its older name", **older, **options)(
            handler
        )

    return register
