"""GET /api/download/{request_id} and, under its older name, /download/{request_id}."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import (
    BAD_FORMAT,
    BEYOND,
    CLUSTER_AWAY,
    NO_OUTPUT,
    NO_REQUEST,
    NO_RESULT,
    STORE_AWAY,
    refusals,
)
from imagebatch_gateway.answers.examples import REPORT, REPORT_LINE
from imagebatch_gateway.answers.response_headers import STORED, sent_headers
from imagebatch_gateway.backends.errors import ResultMissing
from imagebatch_gateway.requests.failed_rows import failed_rows
from imagebatch_gateway.requests.not_ready import why_no_output
from imagebatch_gateway.requests.output_zip import output_zip
from imagebatch_gateway.services import Services, ServicesOf

from .both_names import under_both_names
from .stored import RANGES, REDIRECTED, Asked, answer_stored

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


class ReportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    FAILED = "failed"
    ZIP = "zip"


_MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.JSONL: "application/jsonl; charset=utf-8",
    ReportFormat.FAILED: "text/csv; charset=utf-8",
    ReportFormat.ZIP: "application/zip",
}

_REPORT: dict[str, Any] = {
    "description": "The input's rows in their order, with the URLs of the outputs and errors",
    "content": {
        "text/csv": {"schema": {"type": "string"}, "example": REPORT},
        "application/jsonl": {"schema": {"type": "string"}, "example": REPORT_LINE},
        "application/zip": {"schema": {"type": "string", "format": "binary"}},
    },
    **sent_headers(*STORED, "Content-Disposition"),
}


@under_both_names(
    router.get,
    "/api/download/{request_id}",
    "/download/{request_id}",
    dependencies=[needs(Action.GET)],
    operation_id="download",
    summary="The output CSV",
    response_class=StreamingResponse,
    responses={
        200: _REPORT,
        **RANGES,
        **REDIRECTED,
        **refusals(
            NO_REQUEST, *NO_OUTPUT, NO_RESULT, BEYOND, BAD_FORMAT, *CLUSTER_AWAY, STORE_AWAY
        ),
    },
)
@router.head(
    "/api/download/{request_id}", include_in_schema=False, dependencies=[needs(Action.GET)]
)
@router.head("/download/{request_id}", include_in_schema=False, dependencies=[needs(Action.GET)])
async def download(
    request_id: str,
    services: ServicesOf,
    asked: Annotated[Asked, Depends()],
    *,
    format_: Annotated[
        ReportFormat,
        Query(
            alias="format",
            description="csv: the output CSV. jsonl: one line for each image, with its result. "
            "failed: the rows of the input that have a failed image, as a CSV that can be uploaded "
            "again. zip: all output images, each named <row>-<position>.<extension>.",
        ),
    ] = ReportFormat.CSV,
    raw: Annotated[
        bool,
        Query(
            description="Return all cells as they were in the input. Otherwise a cell that a "
            "spreadsheet would run as a formula gets an apostrophe at its beginning."
        ),
    ] = False,
) -> Response:
    """Responds 409 until the request is completed, with Retry-After if the output may still
    come."""
    batch = await services.lookup.batch(request_id)
    if batch.status.report is None:
        raise why_no_output(batch)
    keys = services.lookup.keys_of(batch)
    headers = {
        "Content-Disposition": f'attachment; filename="{_file_name(batch.name, format_)}"',
        "Cache-Control": "no-cache",
    }
    media_type = _MEDIA_TYPES[format_]
    if format_ is ReportFormat.ZIP:
        return await _zip(services, keys, asked, headers=headers)
    if format_ is ReportFormat.FAILED:
        return await _failed(services, keys, asked, raw=raw, headers=headers)
    tables = [keys.report_csv]
    if format_ is ReportFormat.JSONL:
        tables = [keys.report_jsonl]
    elif raw:
        # The raw report exists only if one of its cells differs from the other report.
        tables = [keys.report_raw_csv, keys.report_csv]
    for table in tables[:-1]:
        with suppress(ResultMissing):
            return await answer_stored(
                services.objects,
                table,
                asked,
                media_type=media_type,
                headers=headers,
                may_redirect=True,
            )
    return await answer_stored(
        services.objects,
        tables[-1],
        asked,
        media_type=media_type,
        headers=headers,
        may_redirect=True,
    )


def _file_name(name: str, form: ReportFormat) -> str:
    return f"{name}.failed.csv" if form is ReportFormat.FAILED else f"{name}.{form.value}"


async def _failed(
    services: Services, keys: BatchKeys, asked: Asked, *, raw: bool, headers: dict[str, str]
) -> Response:
    """Respond with the failed rows. They are made while they are sent, so ranges are ignored."""
    media_type = _MEDIA_TYPES[ReportFormat.FAILED]
    table = keys.report_csv
    if raw:
        with suppress(ResultMissing):
            await services.objects.stat(keys.report_raw_csv)
            table = keys.report_raw_csv
    if asked.head:
        await services.objects.stat(table)
        return Response(headers=headers, media_type=media_type)
    rows = failed_rows(services.objects, services.reported, keys, table)
    return StreamingResponse(await _begun(rows), headers=headers, media_type=media_type)


async def _zip(
    services: Services, keys: BatchKeys, asked: Asked, *, headers: dict[str, str]
) -> Response:
    media_type = _MEDIA_TYPES[ReportFormat.ZIP]
    if asked.head:
        await services.objects.stat(keys.report_jsonl)
        return Response(headers=headers, media_type=media_type)
    pieces = output_zip(services.objects, services.reported, keys, datetime.now(UTC))
    return StreamingResponse(await _begun(pieces), headers=headers, media_type=media_type)


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the pieces after making the first one, so that an error in it still gets its
    status."""
    first = await anext(pieces)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()
