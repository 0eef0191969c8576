"""/api/keys: lists, creates and deletes the API keys of a namespace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Path

from imagebatch_gateway.access.api_key import ApiKey, Scope, new_key
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import CallerOf, GateOf, GuardedRoute, needs
from imagebatch_gateway.answers.access_models import KeyCreated, KeyItem, KeyList, NewKey
from imagebatch_gateway.answers.access_problems import no_such_key, not_allowed
from imagebatch_gateway.answers.documented import (
    BAD_KEY,
    CLUSTER_AWAY,
    NO_KEY,
    refusals,
)

router = APIRouter(tags=["access"], route_class=GuardedRoute)


@router.get(
    "/api/keys",
    dependencies=[needs(Action.KEYS)],
    operation_id="listKeys",
    summary="The API keys of the namespace, newest first, without their secrets",
    responses=refusals(*CLUSTER_AWAY),
)
async def list_keys(caller: CallerOf, gate: GateOf) -> KeyList:
    """Allowed for callers who may update Secrets in the namespace, and for the administrators named
    in the chart."""
    keys = await gate.keyring.of_namespace(caller.namespace)
    return KeyList(items=[KeyItem(**_facts(key)) for key in keys], next=None)


@router.post(
    "/api/keys",
    dependencies=[needs(Action.KEYS)],
    operation_id="createKey",
    summary="Make an API key; it is shown this once",
    status_code=201,
    responses=refusals(BAD_KEY, *CLUSTER_AWAY),
)
async def create_key(
    asked: Annotated[NewKey, Body()], caller: CallerOf, gate: GateOf
) -> KeyCreated:
    """A caller cannot create a key with more rights than their own: a key with the scope `write`
    can only be created by a caller who may create requests."""
    scope = Scope(asked.scope)
    for action in (Action.LIST, Action.GET, *_WRITES[scope]):
        if not await gate.may(caller, action):
            raise not_allowed(caller.name, str(action.right(caller.namespace)))
    now = datetime.now(UTC).replace(microsecond=0)
    days = asked.expires_in_days
    key, text = new_key(
        asked.name,
        caller.namespace,
        scope,
        created_by=caller.name,
        now=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    await gate.keyring.add(key)
    return KeyCreated(**_facts(key), key=text)


@router.delete(
    "/api/keys/{key_id}",
    dependencies=[needs(Action.KEYS)],
    operation_id="deleteKey",
    summary="Delete an API key",
    status_code=204,
    responses=refusals(NO_KEY, *CLUSTER_AWAY),
)
async def delete_key(
    key_id: Annotated[str, Path(description="The `id` of the key, from a list.")],
    caller: CallerOf,
    gate: GateOf,
) -> None:
    """This replica refuses the key at once, other replicas within 10 s."""
    for key in await gate.keyring.of_namespace(caller.namespace):
        if key.id == key_id:
            await gate.keyring.remove(key)
            return
    raise no_such_key()


_WRITES = {
    Scope.READ: (),
    Scope.WRITE: (Action.CREATE, Action.PATCH, Action.DELETE),
}


def _facts(key: ApiKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in KeyItem.model_fields}
