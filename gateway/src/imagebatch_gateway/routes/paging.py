"""Query parameters of calls that respond page by page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

LONGEST_PAGE: Final = 1000

Limit = Annotated[
    int, Query(ge=1, le=LONGEST_PAGE, description="Largest number of items on a page.")
]
Cursor = Annotated[
    str | None, Query(max_length=64, description="The cursor in `next` of the page before.")
]
