"""GET /api/me: who calls, and what they may do."""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import (
    CallerOf,
    GateOf,
    GuardedRoute,
    NamespaceQuery,
    needs,
)
from imagebatch_gateway.answers.documented import CLUSTER_AWAY, TOKEN_REFUSED, refusals
from imagebatch_gateway.answers.models import CallerAnswer
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["access"], route_class=GuardedRoute)


@router.get(
    "/api/me",
    dependencies=[needs(Action.IDENTIFY)],
    operation_id="getMe",
    summary="Who the caller is, and what they may do",
    responses=refusals(TOKEN_REFUSED, *CLUSTER_AWAY),
)
async def me(
    services: ServicesOf, caller: CallerOf, gate: GateOf, namespace: NamespaceQuery = None
) -> CallerAnswer:
    """200 also for a caller who sends no credentials; 401 for credentials that are not valid."""
    return CallerAnswer(
        auth_mode=services.settings.auth_mode,
        user=caller.name,
        kind=caller.kind.value,
        namespace=caller.namespace,
        namespaces=await gate.visible_namespaces(caller),
        may_read=await gate.may(caller, Action.GET),
        may_write=await gate.may(caller, Action.CREATE),
        may_manage_keys=await gate.may(caller, Action.KEYS),
    )
