"""GET /api/me and /api/session: the caller and their rights, and a browser's sign-in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from imagebatch_gateway.access.caller import Action, Caller
from imagebatch_gateway.access.gate import Gate
from imagebatch_gateway.access.needs import (
    CallerOf,
    GateOf,
    GuardedRoute,
    NamespaceQuery,
    needs,
)
from imagebatch_gateway.answers.access_models import SignIn
from imagebatch_gateway.answers.documented import (
    BAD_SIGN_IN,
    CLUSTER_AWAY,
    FOREIGN_PAGE,
    LONG_NAMESPACE,
    TOKEN_REFUSED,
    refusals,
)
from imagebatch_gateway.answers.models import CallerAnswer
from imagebatch_gateway.answers.response_headers import sent_headers
from imagebatch_gateway.services import SettingsOf
from imagebatch_gateway.settings import AuthMode

router = APIRouter(tags=["access"], route_class=GuardedRoute)


@router.get(
    "/api/me",
    dependencies=[needs(Action.IDENTIFY)],
    operation_id="getMe",
    summary="Who the caller is, and what they may do",
    responses=refusals(TOKEN_REFUSED, LONG_NAMESPACE, *CLUSTER_AWAY),
)
async def me(
    settings: SettingsOf, caller: CallerOf, gate: GateOf, namespace: NamespaceQuery = None
) -> CallerAnswer:
    """Says who the caller is and which calls the caller may make. A caller without credentials gets
    200 as well; invalid credentials get 401."""
    return await _answer(settings.auth_mode, caller, gate)


@router.post(
    "/api/session",
    dependencies=[needs(Action.SESSION)],
    operation_id="signIn",
    summary="Sign a browser in with a token or key",
    responses={
        200: sent_headers("Set-Cookie"),
        **refusals(TOKEN_REFUSED, FOREIGN_PAGE, BAD_SIGN_IN, *CLUSTER_AWAY),
    },
)
async def begin_session(
    request: Request,
    response: Response,
    asked: Annotated[SignIn, Body()],
    settings: SettingsOf,
    gate: GateOf,
) -> CallerAnswer:
    """Sets a session cookie, which scripts cannot read and which replaces an earlier one. The
    session ends after some hours, or earlier when its token or key is no longer valid.
    """
    caller = await gate.sign_in(asked.token)
    gate.sessions.begin(request, response, asked.token)
    return await _answer(settings.auth_mode, caller, gate)


@router.delete(
    "/api/session",
    dependencies=[needs(Action.SESSION)],
    operation_id="signOut",
    summary="Sign the browser out",
    status_code=204,
    responses={204: sent_headers("Set-Cookie"), **refusals(FOREIGN_PAGE)},
)
async def end_session(request: Request, response: Response, gate: GateOf) -> None:
    """Deletes the session cookie, if there is one."""
    gate.sessions.end(request, response)


async def _answer(mode: AuthMode, caller: Caller, gate: Gate) -> CallerAnswer:
    return CallerAnswer(
        auth_mode=mode,
        user=caller.name,
        kind=caller.kind.value,
        namespace=caller.namespace,
        namespaces=await gate.visible_namespaces(caller),
        may_read=await gate.may(caller, Action.GET),
        may_write=await gate.may(caller, Action.CREATE),
        may_manage_keys=await gate.may(caller, Action.KEYS),
    )
