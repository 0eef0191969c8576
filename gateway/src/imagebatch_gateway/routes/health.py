"""Health and readiness, for the kubelet."""

from __future__ import annotations

from fastapi import APIRouter, Response

from imagebatch_gateway.answers.models import Health
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth", summary="The process answers")
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="The API server and the object store answer",
    responses={503: {"model": Health, "description": "One of them does not"}},
)
async def readyz(response: Response, services: ServicesOf) -> Health:
    problems = await services.readiness.problems()
    if problems:
        response.status_code = 503
        return Health(status="unavailable", problems=problems)
    return Health(status="ok")
