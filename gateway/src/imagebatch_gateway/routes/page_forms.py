"""Handle the pages' forms: each calls the API and redirects to a page (post, redirect, get)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs

from .page_answers import FrameOf, own_form, problem_of
from .pages import new_request, one_request

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
#: A page's own form. What its caller may do is judged by the call that it leads to.
_FORM: Final = [needs(Action.OPEN), Depends(own_form)]
Field = Annotated[str | None, Form(max_length=300)]


@router.post("/new", dependencies=_FORM)
async def send(frame: FrameOf) -> Response:
    """Pass the upload to the API, and lead to the new request."""
    answer = await frame.pass_on("/api/upload")
    if not answer.ok:
        return await new_request(frame, answer)
    return frame.to(f"requests/{quote(answer.json()['requestId'], safe='')}")


@router.post("/new/check", dependencies=_FORM)
async def check(frame: FrameOf) -> Response:
    """Show what an upload of the file would find."""
    answer = await frame.pass_on("/api/validate")
    if not answer.ok:
        return await new_request(frame, answer)
    return await new_request(frame, answer)


@router.post("/requests/{request_id}/change", dependencies=_FORM)
async def change(
    frame: FrameOf,
    request_id: str,
    *,
    suspend: Field = None,
    cancel: Field = None,
    confirm: Field = None,
    parallelism: Field = None,
    priority: Field = None,
) -> Response:
    patch: dict[str, Any] = {
        name: value == "true"
        for name, value in (("suspend", suspend), ("cancel", cancel))
        if value is not None
    }
    for name, text in (("parallelism", parallelism), ("priority", priority)):
        if text is not None:
            # What is no number is sent as it is, for the API says what is wrong with it.
            patch[name] = int(text) if re.fullmatch(r"\s*-?\d{1,9}\s*", text) else text
    if confirm is not None:
        patch["suspendAfter"] = None
    return await _ask(frame, request_id, "PATCH", "", patch)


@router.post("/requests/{request_id}/replay", dependencies=_FORM)
async def replay(frame: FrameOf, request_id: str) -> Response:
    return await _ask(frame, request_id, "POST", "/webhook/replay", None)


@router.post("/requests/{request_id}/retry", dependencies=_FORM)
async def retry(
    frame: FrameOf, request_id: str, only: Annotated[str, Form(max_length=20)] = "failed"
) -> Response:
    """Make a request of the failed images, and lead to it."""
    path = f"/api/requests/{quote(request_id, safe='')}/retry"
    answer = await frame.call("POST", path, body={"only": only})
    if not answer.ok:
        return await one_request(frame, request_id, answer)
    return frame.to(f"requests/{quote(answer.json()['requestId'], safe='')}")


@router.post("/requests/{request_id}/delete", dependencies=_FORM)
async def delete(frame: FrameOf, request_id: str) -> Response:
    path = f"/api/requests/{quote(request_id, safe='')}"
    answer = await frame.call("DELETE", path)
    if not answer.ok:
        return await one_request(frame, request_id, answer)
    return frame.to("")


@router.post("/signin", dependencies=_FORM)
async def sign_in(
    frame: FrameOf,
    token: Annotated[str, Form(max_length=32_768)] = "",
    next: Annotated[str, Form(max_length=600)] = "",  # noqa: A002
) -> Response:
    """Open a session with a token or key; its cookie goes to the browser."""
    answer = await frame.sign_in(token.strip())
    if not answer.ok:
        problem = problem_of(answer)
        return await frame.page("signin.html", answer.status, next=next, problem=problem)
    response = RedirectResponse(frame.root + _own_path(next), 303)
    for cookie in answer.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


@router.post("/signout", dependencies=_FORM)
async def sign_out(frame: FrameOf) -> Response:
    answer = await frame.call("DELETE", "/api/session")
    response = frame.to("signin")
    for cookie in answer.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


async def _ask(
    frame: FrameOf, request_id: str, method: str, path: str, body: dict[str, Any] | None
) -> Response:
    """Call the API about a request, and lead back to its page."""
    name = quote(request_id, safe="")
    answer = await frame.call(method, f"/api/requests/{name}{path}", body=body)
    if not answer.ok:
        return await one_request(frame, request_id, answer)
    return frame.to(f"requests/{name}")


def _own_path(path: str) -> str:
    """Return a path within the gateway, and never the URL of another site."""
    return path if re.fullmatch(r"[\w.%~-][\w./%~?=&+-]*", path) and "//" not in path else ""
