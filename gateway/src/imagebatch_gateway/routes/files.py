"""GET /files/{key}: the output images, unless a public bucket or CDN serves them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from imagebatch_core.formats import BY_EXTENSION, Kind
from imagebatch_core.keys import parse_image_key
from imagebatch_gateway.answers.conditions import matches
from imagebatch_gateway.answers.documented import NO_FILE, STORE_AWAY, refusals
from imagebatch_gateway.answers.problems import no_such_file
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.backends.objects import Opened
from imagebatch_gateway.services import Services, ServicesOf

router = APIRouter(tags=["files"])


@router.get(
    "/files/{key:path}",
    operation_id="getFile",
    summary="An output image",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The image; its name holds its hash, so it never changes",
            "content": {t: {} for t in sorted(kind.media_type for kind in Kind)},
        },
        304: {"description": "The caller has it"},
        **refusals(NO_FILE, STORE_AWAY),
    },
)
@router.head("/files/{key:path}", include_in_schema=False)
async def get_file(
    key: str, services: ServicesOf, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    named = parse_image_key(key)
    if named is None:
        raise no_such_file()
    etag = f'"{named.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=31536000, immutable",
        # The content comes from strangers: a browser must run nothing in it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    opened = await _open(services, key)
    headers["Content-Length"] = str(opened.size)
    kind = BY_EXTENSION.get(named.extension)
    media_type = "application/octet-stream" if kind is None else kind.media_type
    return StreamingResponse(opened.chunks, headers=headers, media_type=media_type)


async def _open(services: Services, key: str) -> Opened:
    """By its key in the bucket, or by what follows the prefix, as earlier releases wrote it."""
    for known in dict.fromkeys((key, services.settings.prefix + key)):
        try:
            return await services.objects.open(known)
        except ResultMissing:
            continue
    raise no_such_file()
