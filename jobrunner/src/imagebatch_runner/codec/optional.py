"""Parts that may be missing, loaded when they are first needed."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def simplejpeg() -> Any:
    """``None`` without it; with NumPy it takes as long as a worker's whole start."""
    try:
        import simplejpeg as found  # type: ignore[import-untyped] # noqa: PLC0415 - it has no types
    except ImportError:
        return None
    return found
