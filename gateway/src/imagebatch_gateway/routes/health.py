"""Liveness and readiness probes.

Readiness does not depend on the store and the API server. Otherwise an outage of one of them would
take every replica out of the Service: callers would get refused connections, instead of the status
of their request where it is known, and 503 with Retry-After elsewhere.
"""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.models import Health
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["health"], route_class=GuardedRoute)


@router.get(
    "/healthz",
    dependencies=[needs(Action.OPEN)],
    operation_id="getHealth",
    summary="Liveness of the process",
)
async def healthz() -> Health:
    """Responds as long as the process does. It asks no other system."""
    return Health(status="ok")


@router.get(
    "/readyz",
    dependencies=[needs(Action.OPEN)],
    operation_id="getReadiness",
    summary="Readiness of the gateway, and which system behind it does not respond",
)
async def readyz(services: ServicesOf) -> Health:
    """Responds 200 even if the API server or the object store does not respond. `status` is then
    `degraded`."""
    problems = await services.readiness.problems()
    return Health(status="degraded" if problems else "ok", problems=problems)
