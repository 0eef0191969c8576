"""GET /api/download/{request_id} and, under its older name, /download/{request_id}."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.answers.documented import (
    BAD_FORMAT,
    CLUSTER_AWAY,
    NO_OUTPUT,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.backends.objects import Objects, Opened
from imagebatch_gateway.requests.not_ready import why_no_output
from imagebatch_gateway.services import ServicesOf

from .both_names import under_both_names

router = APIRouter(tags=["requests"])


class ReportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


_MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.JSONL: "application/jsonl; charset=utf-8",
}

_REPORT: dict[str, Any] = {
    "description": "The input's rows in their order, with the URLs of the outputs and errors",
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": "S. No.,Product Name,Input Image Urls,Output Image Urls,Error\r\n"
            '1,Mug,"https://a.example/1.png,https://a.example/2.png",'
            '"http://127.0.0.1:8080/files/shop/…/images/1-1-….jpg,",'
            "2: dns_failed: the host a.example does not exist\r\n",
        },
        "application/jsonl": {"schema": {"type": "string"}},
    },
}


@under_both_names(
    router.get,
    "/api/download/{request_id}",
    "/download/{request_id}",
    operation_id="download",
    summary="The output CSV",
    response_class=StreamingResponse,
    responses={
        200: _REPORT,
        **refusals(NO_REQUEST, *NO_OUTPUT, NO_RESULT, BAD_FORMAT, *CLUSTER_AWAY, STORE_AWAY),
    },
)
async def download(
    request_id: str,
    services: ServicesOf,
    format_: Annotated[
        ReportFormat,
        Query(alias="format", description="jsonl: one line for each image, with its figures."),
    ] = ReportFormat.CSV,
    raw: Annotated[
        bool,
        Query(
            description="All cells as they were; otherwise a cell that a spreadsheet would run as "
            "a formula begins with an apostrophe."
        ),
    ] = False,
) -> StreamingResponse:
    """409 until the request is completed, with Retry-After while waiting helps."""
    batch = await services.lookup.batch(request_id)
    if batch.status.report is None:
        raise why_no_output(batch)
    opened = await _open(services.objects, services.lookup.keys_of(batch), format_, raw=raw)
    headers = {
        "Content-Length": str(opened.size),
        "Content-Disposition": f'attachment; filename="{batch.name}.{format_.value}"',
        "Cache-Control": "no-cache",
        **({"ETag": opened.etag} if opened.etag else {}),
    }
    return StreamingResponse(opened.chunks, headers=headers, media_type=_MEDIA_TYPES[format_])


async def _open(objects: Objects, keys: BatchKeys, form: ReportFormat, *, raw: bool) -> Opened:
    if form is ReportFormat.JSONL:
        return await objects.open(keys.report_jsonl)
    if raw:
        # It is there only where a cell of the other report differs.
        with suppress(ResultMissing):
            return await objects.open(keys.report_raw_csv)
    return await objects.open(keys.report_csv)
