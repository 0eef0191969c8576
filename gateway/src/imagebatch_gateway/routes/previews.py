"""GET /api/requests/{request_id}/previews: sampled images before and after."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import StreamingResponse

from imagebatch_core.formats import BY_EXTENSION, NOT_IN_BROWSERS, Kind
from imagebatch_core.object_names import parse_source_name
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import (
    BEYOND,
    CLUSTER_AWAY,
    NO_FILE,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.answers.problems import no_such_file
from imagebatch_gateway.answers.response_headers import STORED, sent_headers
from imagebatch_gateway.answers.result_models import Preview, PreviewList
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.services import LinksOf, ServicesOf

from .stored import RANGES, Asked, answer_stored

router = APIRouter(tags=["results"], route_class=GuardedRoute)


@router.get(
    "/api/requests/{request_id}/previews",
    dependencies=[needs(Action.GET)],
    operation_id="listPreviews",
    summary="Some images of the request before and after, also while it runs",
    responses=refusals(NO_REQUEST, NO_RESULT, *CLUSTER_AWAY, STORE_AWAY),
)
async def list_previews(request_id: str, services: ServicesOf, links: LinksOf) -> PreviewList:
    """A sample of the images, spread evenly over the input. Images that failed, that need
    credentials, or whose format browsers do not show are not in it. The runner keeps a copy of each
    sampled image as it was fetched. The copies are deleted after some days; the list is then empty.
    """
    batch = await services.lookup.batch(request_id)
    keys = services.lookup.keys_of(batch)
    base = f"/api/requests/{quote(request_id)}/sources/"
    items = [
        Preview(
            row=one.row,
            position=one.position,
            before=links.page(base + one.source_key.removeprefix(keys.sources)),
            after=one.output_url,
            width=one.width,
            height=one.height,
            bytes_in=one.bytes_in,
            bytes_out=one.bytes_out,
        )
        for one in await services.previews.of(keys)
    ]
    return PreviewList(items=items)


@router.get(
    "/api/requests/{request_id}/sources/{name}",
    dependencies=[needs(Action.GET)],
    operation_id="getSource",
    summary="The source of an image of the sample",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The image; its name holds its hash, so it never changes",
            "content": {t: {} for t in sorted(kind.media_type for kind in Kind)},
            **sent_headers(*STORED),
        },
        **RANGES,
        **refusals(NO_REQUEST, NO_FILE, NO_RESULT, BEYOND, *CLUSTER_AWAY, STORE_AWAY),
    },
)
@router.head(
    "/api/requests/{request_id}/sources/{name}",
    dependencies=[needs(Action.GET)],
    include_in_schema=False,
)
async def get_source(
    request_id: str,
    name: Annotated[str, Path(description="From `before` of a preview.")],
    services: ServicesOf,
    asked: Annotated[Asked, Depends()],
) -> Response:
    """Returns the kept source of an image, to callers who may read the request."""
    batch = await services.lookup.batch(request_id)
    named = parse_source_name(name)
    kind = BY_EXTENSION.get(named.extension) if named else None
    if named is None or kind is None or kind in NOT_IN_BROWSERS:
        raise no_such_file()
    try:
        return await answer_stored(
            services.objects,
            services.lookup.keys_of(batch).sources + name,
            asked,
            media_type=kind.media_type,
            headers={
                "Cache-Control": "private, max-age=31536000, immutable",
                # The content comes from strangers: a browser must not run scripts in it.
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
            etag=f'"{named.sha256}"',
        )
    except ResultMissing as error:
        raise no_such_file() from error
