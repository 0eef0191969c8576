"""The pages for people: requests, a new request, one request, its images, and signing in."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from imagebatch_core.results import ErrorCode, ImageStatus
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.page import request_view as view
from imagebatch_gateway.page.calls import Answer
from imagebatch_gateway.page.words import ENDED, IMAGE_STATES, STATES, failure_words

from .page_answers import Frame, FrameOf, problem_of, static

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
#: A page asks nothing itself: its caller is judged by the calls that it makes.
_OPEN: Final = [needs(Action.OPEN)]

#: Lines of a page of a list.
_LINES: Final = 50
Text = Annotated[str, Query(max_length=300)]


@router.get("/", dependencies=_OPEN)
async def requests_page(
    frame: FrameOf, *, status: Text = "", q: Text = "", cursor: Text = ""
) -> HTMLResponse:
    query = {"status": status if status in STATES else "", "q": q.strip()}
    answer, _ = await asyncio.gather(
        frame.call("GET", "/api/requests", query={**query, "cursor": cursor, "limit": _LINES}),
        frame.me(),
    )
    listed = answer.json() if answer.ok else {"items": [], "next": None}
    return await frame.page(
        "requests.html",
        200 if answer.ok else answer.status,
        items=[
            {**item, "title": view.title_of(item), "savings": view.savings(item)}
            for item in listed["items"]
        ],
        query=query,
        cursor=cursor,
        following=_cursor_of(listed["next"]),
        problem=None if answer.ok else problem_of(answer),
    )


@router.get("/new", dependencies=_OPEN)
async def new_page(frame: FrameOf) -> HTMLResponse:
    return await new_request(frame)


@router.get("/requests/{request_id}", dependencies=_OPEN)
async def request_page(frame: FrameOf, request_id: str) -> HTMLResponse:
    return await one_request(frame, request_id)


@router.get("/requests/{request_id}/images", dependencies=_OPEN)
async def images_page(
    frame: FrameOf,
    request_id: str,
    *,
    status: Text = "",
    code: Text = "",
    row: Text = "",
    cursor: Text = "",
) -> HTMLResponse:
    query = {"status": status, "code": code, "row": row.strip()}
    path = f"/api/requests/{quote(request_id, safe='')}"
    told, answer, _ = await asyncio.gather(
        frame.call("GET", path),
        frame.call("GET", f"{path}/images", query={**query, "cursor": cursor, "limit": _LINES}),
        frame.me(),
    )
    if not told.ok:
        return await frame.refusal(told)
    request = told.json()
    listed = answer.json() if answer.ok else {"items": [], "next": None}
    return await frame.page(
        "images.html",
        200 if answer.ok else answer.status,
        request=request,
        title=view.title_of(request),
        lives=view.lives(request),
        items=[_image(frame, item) for item in listed["items"]],
        query=query,
        cursor=cursor,
        states=IMAGE_STATES,
        codes=list(ErrorCode),
        failed=ImageStatus.FAILED,
        following=_cursor_of(listed["next"]),
        problem=None if answer.ok else problem_of(answer),
    )


@router.get("/signin", dependencies=_OPEN)
async def sign_in_page(frame: FrameOf, *, next: Text = "") -> HTMLResponse:  # noqa: A002
    return await frame.page("signin.html", next=next, problem=None)


async def new_request(frame: Frame, answer: Answer | None = None) -> HTMLResponse:
    """Show the upload form: empty, or as it was sent, with the error or the check of its file."""
    sent, status = (answer.sent, answer.status) if answer else ({}, 200)
    problem = problem_of(answer) if answer and not answer.ok else None
    checked = answer.json() if answer and answer.ok else None
    return await frame.page("new.html", status, given=sent, problem=problem, checked=checked)


async def one_request(frame: Frame, request_id: str, refused: Answer | None = None) -> HTMLResponse:
    """Show the page of a request, with the error of the last action, if any."""
    path = f"/api/requests/{quote(request_id, safe='')}"
    told, me = await asyncio.gather(frame.call("GET", path), frame.me())
    if not told.ok:
        return await frame.refusal(told)
    request = told.json()
    failures, previews, webhook = await asyncio.gather(
        _failures(frame, path, request),
        _previews(frame, path, request),
        _webhook(frame, path, request),
    )
    writes = me.get("mayWrite", True)
    external = [p[side] for p in previews for side in ("before", "after")]
    return await frame.page(
        "request.html",
        refused.status if refused else 200,
        images=external,
        request=request,
        title=view.title_of(request),
        segments=view.segments(request),
        savings=view.savings(request),
        pace=view.pace(request),
        lives=view.lives(request),
        has_ended=request["status"] in ENDED,
        changes=view.changes(request, frame.offers) if writes else set(),
        awaits_confirmation=view.awaits_confirmation(request),
        failures=failures,
        previews=previews,
        retry_offered=writes and frame.offers.has("POST", "/api/requests/{id}/retry"),
        replay_offered=writes and frame.offers.has("POST", "/api/requests/{id}/webhook/replay"),
        attempts=webhook,
        commands=view.commands(
            request,
            frame.namespace or me.get("namespace") or frame.home,
            frame.gateway,
            frame.offers,
        ),
        problem=problem_of(refused) if refused is not None else None,
    )


async def _failures(frame: Frame, path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the groups of failed images with their texts, or why they cannot be read now."""
    if not (request.get("images") or {}).get("failed"):
        return {"items": [], "problem": None}
    answer = await frame.call("GET", f"{path}/failures")
    if not answer.ok:
        return {"items": [], "problem": problem_of(answer)}
    items = [
        {**item, "words": failure_words(item["code"], item["message"])}
        for item in answer.json()["items"]
    ]
    return {"items": items, "problem": None}


async def _previews(frame: Frame, path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    if not frame.offers.has("GET", "/api/requests/{id}/previews"):
        return []
    if not (request.get("images") or {}).get("done"):
        return []
    answer = await frame.call("GET", f"{path}/previews")
    if not answer.ok:
        return []
    return [
        {**pair, **{side: view.local_path(pair[side], frame.gateway) for side in _SIDES}}
        for pair in answer.json()["items"]
        if all(pair.get(side) for side in _SIDES)
    ]


_SIDES: Final = ("before", "after")


async def _webhook(frame: Frame, path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the last attempts of its webhook, newest first; none if they cannot be had."""
    if not request.get("webhook") or not frame.offers.has("GET", "/api/requests/{id}/webhook"):
        return []
    answer = await frame.call("GET", f"{path}/webhook")
    found: list[dict[str, Any]] = answer.json()["attempts"] if answer.ok else []
    return found


def _image(frame: Frame, item: dict[str, Any]) -> dict[str, Any]:
    """Return an image with a text for its error, and a path of its output."""
    url = item.get("outputUrl")
    code = item.get("errorCode")
    return {
        **item,
        "href": view.local_path(url, frame.gateway) if url else None,
        "words": failure_words(code, item.get("errorMessage") or "") if code else None,
    }


def _cursor_of(address: str | None) -> str | None:
    """Return the cursor in the URL of a next page."""
    if not address:
        return None
    return parse_qs(urlsplit(address).query).get("cursor", [None])[0]


__all__ = ["new_request", "one_request", "router", "static"]
