"""The header Idempotency-Key, which makes a call safe to repeat."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A call with the same key and the same content returns the same requestId.",
    ),
]
