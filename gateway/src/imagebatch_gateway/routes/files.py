"""GET /files/{key}: serves the output images, unless a public bucket or CDN serves them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import StreamingResponse

from imagebatch_core.formats import BY_EXTENSION, Kind
from imagebatch_core.keys import parse_image_key
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GateOf, GuardedRoute, needs
from imagebatch_gateway.answers.documented import BEYOND, NO_FILE, STORE_AWAY, refusals
from imagebatch_gateway.answers.problems import no_such_file
from imagebatch_gateway.answers.response_headers import STORED, sent_headers
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.services import ServicesOf

from .stored import RANGES, REDIRECTED, Asked, answer_stored

router = APIRouter(tags=["files"], route_class=GuardedRoute)


@router.get(
    "/files/{key:path}",
    dependencies=[needs(Action.FILE)],
    operation_id="getFile",
    summary="An output image",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The image; its name holds its hash, so it never changes",
            "content": {t: {} for t in sorted(kind.media_type for kind in Kind)},
            **sent_headers(*STORED),
        },
        **RANGES,
        **REDIRECTED,
        **refusals(NO_FILE, BEYOND, STORE_AWAY),
    },
)
@router.head("/files/{key:path}", include_in_schema=False, dependencies=[needs(Action.FILE)])
async def get_file(
    key: Annotated[str, Path(description="Key of the output in the bucket: `outputKey`.")],
    services: ServicesOf,
    gate: GateOf,
    asked: Annotated[Asked, Depends()],
) -> Response:
    """Returns an output image by its key in the bucket. A key without the configured prefix, as
    earlier releases wrote it, is accepted too.
    """
    named = parse_image_key(key)
    if named is None:
        raise no_such_file()
    kept_by = "private" if gate.guards_images else "public"
    headers = {
        "Cache-Control": f"{kept_by}, max-age=31536000, immutable",
        # The content comes from strangers: a browser must not run scripts in it.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    kind = BY_EXTENSION.get(named.extension)
    media_type = "application/octet-stream" if kind is None else kind.media_type
    for known in dict.fromkeys((key, services.settings.prefix + key)):
        try:
            return await answer_stored(
                services.objects,
                known,
                asked,
                media_type=media_type,
                headers=headers,
                etag=f'"{named.sha256}"',
                may_redirect=True,
            )
        except ResultMissing:
            continue
    raise no_such_file()
