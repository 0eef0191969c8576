"""Responds with an object of the store: the whole, a range, the headers alone, or 304 (RFC
9110)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Header, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from imagebatch_gateway.answers.conditions import matches
from imagebatch_gateway.answers.problems import range_not_satisfiable
from imagebatch_gateway.answers.ranges import Unsatisfiable, asked_range
from imagebatch_gateway.answers.response_headers import STORED, sent_headers
from imagebatch_gateway.backends.objects import Objects

#: Descriptions of these responses in the OpenAPI document.
RANGES: Final[dict[int | str, dict[str, Any]]] = {
    206: {"description": "The requested range", **sent_headers(*STORED)},
    304: {
        "description": "The caller's copy, named in If-None-Match, is current",
        **sent_headers("ETag", "Cache-Control"),
    },
}


#: Of what the store itself may send.
REDIRECTED: Final[dict[int | str, dict[str, Any]]] = {
    307: {
        "description": "Where the gateway is so set (files.redirect of the chart): a URL of the "
        "object store, valid for some minutes, that has the content",
        "headers": {"Location": {"description": "The presigned URL", "schema": {"type": "string"}}},
    },
}


class Asked:
    """A FastAPI dependency: whether the request is a HEAD, and its range and conditions."""

    def __init__(
        self,
        request: Request,
        range_: Annotated[
            str | None, Header(alias="Range", description="One range: bytes=0-1023")
        ] = None,
        if_range: Annotated[
            str | None,
            Header(
                description="ETag of the version to which Range applies; otherwise all is sent."
            ),
        ] = None,
        if_none_match: Annotated[
            str | None, Header(description="ETags that the caller has; 304 if one is current.")
        ] = None,
    ) -> None:
        self.head = request.method == "HEAD"
        self.range = range_
        self.if_range = if_range
        self.if_none_match = if_none_match


async def answer_stored(
    objects: Objects,
    key: str,
    asked: Asked,
    *,
    media_type: str,
    headers: Mapping[str, str],
    etag: str | None = None,
    may_redirect: bool = False,
) -> Response:
    """Return the response for the object ``key``, following the request's range and conditions.

    ``etag`` is the object's ETag, if it is known without asking the store. For a HEAD request no
    content is read. With ``may_redirect``, and where the gateway is so set, the response is a
    redirect to the store, which then follows the range and the conditions.

    Raises ResultMissing, StoreUnavailable, and Problem 416.
    """
    if etag is not None and matches(asked.if_none_match, etag):
        return Response(status_code=304, headers={**headers, "ETag": etag})
    redirect = None
    if may_redirect:
        sent = {**headers, "Content-Type": media_type}
        redirect = objects.signed_url(key, "HEAD" if asked.head else "GET", sent)
    if redirect is None and not asked.head and asked.range is None and asked.if_none_match is None:
        opened = await objects.open(key)
        sent = _with(headers, etag or opened.etag, opened.size)
        return StreamingResponse(opened.chunks, headers=sent, media_type=media_type)
    stat = await objects.stat(key)
    known = etag or stat.etag
    if known is not None and matches(asked.if_none_match, known):
        return Response(status_code=304, headers={**headers, "ETag": known})
    if redirect is not None:
        # The URL is a secret of this caller, and it ends.
        return RedirectResponse(redirect, 307, {"Cache-Control": "no-store"})
    if asked.head:
        return Response(headers=_with(headers, known, stat.size), media_type=media_type)
    try:
        part = asked_range(asked.range, asked.if_range, known, stat.size)
    except Unsatisfiable as error:
        raise range_not_satisfiable(stat.size) from error
    start, end = (part.start, part.end) if part else (0, stat.size)
    sent = _with(headers, known, end - start)
    if part is not None:
        sent["Content-Range"] = part.header
    return StreamingResponse(
        objects.pieces(key, stat.etag, start, end),
        206 if part else 200,
        headers=sent,
        media_type=media_type,
    )


def _with(headers: Mapping[str, str], etag: str | None, length: int) -> dict[str, str]:
    return {
        **headers,
        "Accept-Ranges": "bytes",
        "Content-Length": str(length),
        **({"ETag": etag} if etag else {}),
    }
