"""GET /api/download/{request_id} and, under its older name, /download/{request_id}."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from imagebatch_gateway.answers.documented import (
    BAD_FORMAT,
    CLUSTER_AWAY,
    NO_OUTPUT,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.requests.lookup import keys_of
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
) -> StreamingResponse:
    """409 until the request is completed, with Retry-After while waiting helps."""
    batch = await services.lookup.batch(request_id)
    if batch.status.report is None:
        raise why_no_output(batch)
    keys = keys_of(batch)
    key = keys.report_csv if format_ is ReportFormat.CSV else keys.report_jsonl
    opened = await services.objects.open(key)
    headers = {
        "Content-Length": str(opened.size),
        "Content-Disposition": f'attachment; filename="{batch.name}.{format_.value}"',
        "Cache-Control": "no-cache",
        **({"ETag": opened.etag} if opened.etag else {}),
    }
    return StreamingResponse(opened.chunks, headers=headers, media_type=_MEDIA_TYPES[format_])
