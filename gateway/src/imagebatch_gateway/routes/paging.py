"""Query parameters of calls that answer page by page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

LONGEST_PAGE: Final = 1000

Limit = Annotated[
    int, Query(ge=1, le=LONGEST_PAGE, description="Most items of a page; it may have fewer.")
]
Cursor = Annotated[
    str | None, Query(max_length=64, description="From `next` of an earlier answer.")
]
