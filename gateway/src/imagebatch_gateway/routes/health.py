"""Health and readiness, for the kubelet.

Readiness is the gateway's own. If it told of the store or the API server, an outage of one of them
would take every replica out of the Service: callers would meet refused connections, where they can
have the status of their request, and 503 with Retry-After for the rest.
"""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.answers.models import Health
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth", summary="The process answers")
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Requests are taken; says also which system behind the gateway does not answer",
)
async def readyz(services: ServicesOf) -> Health:
    """200 also while the API server or the object store is away: `status` is `degraded` then."""
    problems = await services.readiness.problems()
    return Health(status="degraded" if problems else "ok", problems=problems)
