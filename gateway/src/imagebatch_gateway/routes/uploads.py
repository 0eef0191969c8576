"""POST /api/upload and, under its older name, POST /upload."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from imagebatch_core.errors import InputRefused
from imagebatch_core.source import Source
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import FORM_LIMITS, GuardedRoute, caller_of, needs
from imagebatch_gateway.answers.documented import (
    BAD_UPLOAD,
    CLUSTER_AWAY,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.answers.problems import invalid_csv_of
from imagebatch_gateway.answers.response_headers import NEW_REQUEST
from imagebatch_gateway.answers.upload_models import UploadAccepted
from imagebatch_gateway.services import LinksOf, ServicesOf, services_of
from imagebatch_gateway.uploads.form import CheckedForm, upload_form
from imagebatch_gateway.uploads.stream import CsvStream
from imagebatch_gateway.uploads.streamed_form import read_streamed

from .both_names import under_both_names
from .idempotency import IdempotencyKey


class _StreamedRoute(GuardedRoute):
    """A route whose file is stored while it arrives."""

    def admitted_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().admitted_handler()

        async def streamed(request: Request) -> Response:
            uploads = services_of(request, caller_of(request)).uploads
            key = request.headers.get("Idempotency-Key")
            # The form of the page has its file before the fields that say how to read it.
            early = not getattr(request.state, "passed_on", False)

            def begin(source: Source) -> CsvStream | None:
                return uploads.begin_stream(key, source)

            try:
                await read_streamed(request, begin, FORM_LIMITS, early=early)
            except InputRefused as error:
                raise invalid_csv_of(error) from error
            try:
                return await handler(request)
            except Exception:
                # FastAPI closes the form after the response, and nothing may be left by then.
                await (await request.form()).close()
                raise

        return streamed


router = APIRouter(tags=["requests"], route_class=_StreamedRoute)
read_form = upload_form()


@under_both_names(
    router.post,
    "/api/upload",
    "/upload",
    dependencies=[needs(Action.CREATE)],
    operation_id="upload",
    summary="Upload a CSV or .xlsx file of products and image URLs",
    responses={200: NEW_REQUEST, **refusals(*BAD_UPLOAD, *CLUSTER_AWAY, STORE_AWAY)},
)
async def upload(
    request: Request,
    response: Response,
    services: ServicesOf,
    links: LinksOf,
    *,
    form: Annotated[CheckedForm, Depends(read_form)],
    idempotency_key: IdempotencyKey = None,
) -> UploadAccepted:
    """Responds as soon as the file is checked and stored, before any image is fetched."""
    try:
        accepted = await services.uploads.accept(form, idempotency_key, request.is_disconnected)
    except InputRefused as error:
        raise invalid_csv_of(error) from error
    response.headers["Location"] = links.status(accepted.request_id)
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return UploadAccepted(
        request_id=accepted.request_id,
        status_url=links.status(accepted.request_id),
        download_url=links.download(accepted.request_id),
        products=accepted.facts.products,
        images=accepted.facts.images,
        rows_checked=accepted.facts.products,
        row_problem_count=accepted.facts.row_problem_count,
        row_problems=list(accepted.facts.row_problems),
        notices=list(accepted.facts.notices),
    )
