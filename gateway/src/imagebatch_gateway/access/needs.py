"""Declares the action of each route, and checks the caller before the body is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response, Security
from fastapi.params import Depends as DependsParam
from fastapi.params import Form as FormParam
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPBearer

from imagebatch_core.keys import parse_image_key
from imagebatch_gateway import metrics
from imagebatch_gateway.answers.documented import (
    BAD_BODY,
    FOREIGN_PAGE,
    NOT_ADMITTED,
    SIGN_IN,
    TOO_MANY,
    UNKNOWN_HOST,
    refusals,
)

from .caller import Action, Caller
from .gate import Gate
from .rates import Rates
from .sessions import PLAIN_COOKIE, SECURE_COOKIE

#: Of a form: few fields, none of them large but the file.
FORM_LIMITS: Final = {"max_files": 4, "max_fields": 100, "max_part_size": 64 * 1024}
_NOTHING: Final = nullcontext()
#: Both are in the OpenAPI document; :class:`.CredentialReader` reads header and cookie itself.
_BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A bearer token of the cluster (with auth.mode kubernetes), or an API key.",
)
_COOKIE: Final = APIKeyCookie(
    name=SECURE_COOKIE,
    auto_error=False,
    scheme_name="session",
    description="The session that `POST /api/session` began; over plain HTTP the cookie is named "
    f"`{PLAIN_COOKIE}`. Writes with it must come from a page of the gateway.",
)
NamespaceQuery = Annotated[
    str | None,
    Query(
        max_length=63,
        description="Namespace of the request: one of those that the gateway serves. Left out: "
        "that of the API key, otherwise the home namespace.",
    ),
]


class Needs:
    """The dependency with which a route declares its action.

    The check itself is made earlier, by :class:`GuardedRoute`, because FastAPI reads the whole body
    before it calls dependencies.
    """

    def __init__(self, action: Action) -> None:
        self.action = action


class _Open(Needs):
    def __call__(self) -> None:
        """Document nothing, because no credentials are needed."""


class _Guarded(Needs):
    def __call__(
        self,
        bearer: Annotated[Any, Security(_BEARER)] = None,
        session: Annotated[Any, Security(_COOKIE)] = None,
        namespace: NamespaceQuery = None,
    ) -> None:
        """Document the credentials and the namespace in the OpenAPI document."""


class _Identified(Needs):
    def __call__(
        self,
        bearer: Annotated[Any, Security(_BEARER)] = None,
        session: Annotated[Any, Security(_COOKIE)] = None,
    ) -> None:
        """Document the credentials in the OpenAPI document."""


def needs(action: Action) -> DependsParam:
    """Return the dependency that declares the action of a route."""
    kind: Callable[[Action], Callable[..., None]] = _Guarded
    if action in (Action.OPEN, Action.SESSION):
        kind = _Open
    elif action in (Action.IDENTIFY, Action.FILE):
        kind = _Identified
    dependency = Depends(kind(action))
    assert isinstance(dependency, DependsParam)  # noqa: S101 - Depends is typed as Any
    return dependency


class GuardedRoute(APIRoute):
    """A route that checks its caller before any of the body is read.

    Raises:
        TypeError: the route does not declare exactly one action.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        for one in options.get("dependencies") or ():
            if isinstance(one.dependency, Needs) and one.dependency.action is not Action.OPEN:
                known = _refusals(one.dependency.action, options.get("methods") or ())
                options["responses"] = {**known, **(options.get("responses") or {})}
        options["form_limits"] = FORM_LIMITS
        super().__init__(path, endpoint, **options)
        action_of(self)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = self.admitted_handler()

        async def guarded(request: Request) -> Response:
            request.state.route = self.path
            gate, action = gate_of(request), action_of(self)
            namespace = request.query_params.get("namespace") or None
            if action is Action.FILE:
                action, namespace = _of_file(request, gate)
            caller = await gate.admit(request, request.method, action, namespace)
            request.state.caller = caller
            if action is not Action.OPEN:
                request.state.rate_headers = _count(gate.rates, request, caller)
            if request.method in ("GET", "HEAD"):
                return await handler(request)
            under_way = metrics.UPLOADS.track_inprogress() if action is Action.CREATE else _NOTHING
            with under_way, _charged(gate.rates, request, caller):
                intake = gate.intake.admitted(request, takes_files=self._takes_files())
                async with intake as bounded:
                    return await handler(bounded)

        return guarded

    def _takes_files(self) -> bool:
        """Whether the body may be large: a form of a route that makes requests, and one that the
        route does not read itself but passes on.
        """
        if self.body_field is None:
            return True
        return action_of(self) is Action.CREATE and isinstance(
            self.body_field.field_info, FormParam
        )

    def admitted_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request whose caller was admitted."""
        return super().get_route_handler()


def owner_of(request: Request, caller: Caller) -> str:
    """Return whose quotas a request uses: the caller's, or those of an anonymous one's address."""
    return caller.id or f"address:{request.client.host if request.client else ''}"


@contextmanager
def _charged(rates: Rates, request: Request, caller: Caller) -> Iterator[None]:
    """Count the bytes of a body that did not announce its length, once it was read."""
    try:
        yield
    finally:
        if "Content-Length" not in request.headers:
            rates.bytes.charge(owner_of(request, caller), request.scope["state"].get("received", 0))


def _count(rates: Rates, request: Request, caller: Caller) -> dict[str, str]:
    """Count a request of a caller and the bytes that it announces. Raises Problem 429."""
    announced = request.headers.get("Content-Length", "")
    return rates.admit(
        owner_of(request, caller),
        writes=request.method not in ("GET", "HEAD"),
        announced=int(announced) if announced.isdecimal() else 0,
    )


def _refusals(action: Action, methods: Collection[str]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route to a caller who is not admitted, or whose request is not."""
    found = [TOO_MANY, UNKNOWN_HOST]
    if action is Action.FILE:
        found.append(SIGN_IN)
    elif action not in (Action.IDENTIFY, Action.SESSION):
        found += NOT_ADMITTED
    if not {"GET", "HEAD"}.issuperset(methods):
        found.append(FOREIGN_PAGE)
    if not {"GET", "HEAD", "DELETE"}.issuperset(methods):
        found += BAD_BODY
    return refusals(*found)


def action_of(route: APIRoute) -> Action:
    """Return the action of a route. Raises TypeError unless it declares exactly one."""
    calls: list[object] = [one.call for one in route.dependant.dependencies]
    found = [call for call in calls if isinstance(call, Needs)]
    if len(found) != 1:
        raise TypeError(f"{route.path} must say once what it needs, not {len(found)} times")
    return found[0].action


def gate_of(request: Request) -> Gate:
    """Return the application's gate."""
    gate = request.app.state.gate
    assert isinstance(gate, Gate)  # noqa: S101 - create_app put it there
    return gate


def caller_of(request: Request) -> Caller:
    """Return the caller whom :class:`GuardedRoute` admitted."""
    caller = request.state.caller
    assert isinstance(caller, Caller)  # noqa: S101 - every route is a GuardedRoute
    return caller


CallerOf = Annotated[Caller, Depends(caller_of)]
GateOf = Annotated[Gate, Depends(gate_of)]


def _of_file(request: Request, gate: Gate) -> tuple[Action, str | None]:
    """Return the action and namespace of a request for a file.

    The namespace is in the key of the output. A path that is not a key needs no right: it gets a
    404.
    """
    named = parse_image_key(request.path_params["key"])
    if named is None or not gate.guards_images:
        return Action.OPEN, None
    return Action.FILE, named.namespace
