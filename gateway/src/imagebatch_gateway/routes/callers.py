"""GET /api/me: who calls, and what they may do."""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.answers.models import Caller
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["access"])


@router.get("/api/me", operation_id="getMe", summary="Who the caller is, and what they may do")
async def me(services: ServicesOf) -> Caller:
    """There is no sign-in: every caller may do everything in the gateway's namespace."""
    return Caller(
        auth_mode="none",
        user=None,
        namespaces=[services.settings.namespace],
        may_read=True,
        may_write=True,
    )
