"""GET /files/{key}: the output images, unless a public bucket or CDN serves them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from imagebatch_gateway.answers.conditions import matches
from imagebatch_gateway.answers.models import problem_responses
from imagebatch_gateway.answers.problems import Problem
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.services import ServicesOf

router = APIRouter(tags=["files"])

# <namespace>/<uid>/images/<row>-<position>-<sha256>.<ext> and nothing else of the bucket.
_KEY: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/images/"
    r"[0-9]{1,12}-[0-9]{1,9}-(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})"
)

_TYPES: Final = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}

_NO_FILE: Final = Problem(404, "no-file", "No such file", message="File not found")


@router.get(
    "/files/{key:path}",
    operation_id="getFile",
    summary="An output image",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The image; its name holds its hash, so it never changes",
            "content": {t: {} for t in sorted({*_TYPES.values()})},
        },
        304: {"description": "The caller has it"},
        **problem_responses(404, 503),
    },
)
@router.head("/files/{key:path}", include_in_schema=False)
async def get_file(
    key: str, services: ServicesOf, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    match = _KEY.fullmatch(key)
    if match is None:
        raise _NO_FILE
    etag = f'"{match["sha256"]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=31536000, immutable",
        # Strangers' pictures: never run as anything, whatever they hold.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    try:
        opened = await services.objects.open(key)
    except ResultMissing as error:
        raise _NO_FILE from error
    headers["Content-Length"] = str(opened.size)
    media_type = _TYPES.get(match["extension"], "application/octet-stream")
    return StreamingResponse(opened.chunks, headers=headers, media_type=media_type)
