"""Commands that read requests: status, list, watch, failures, images."""

from __future__ import annotations

from typing import Annotated

import typer

from imagebatch import Failure, Image, RequestStatus, RequestSummary

from . import screen, words
from .context import AsJson, AsJsonLines, RequestId, RequestIds, Timeout, calling, gateway_of
from .screen import Style, style_of
from .watching import watch as follow

#: Length of the longest page that the gateway gives.
_LONGEST_PAGE = 1000


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command("watch")(watch)
    app.command("status")(status)
    app.command("list")(list_requests)
    app.command("failures")(failures)
    app.command("images")(images)


def status(context: typer.Context, request_id: RequestId, *, as_json: AsJson = False) -> None:
    """Show a request and how far it is."""
    with calling(context) as client:
        request = client.status(request_id)
    if as_json:
        screen.write_json(request.as_json())
    else:
        screen.write_pairs([("request", request.request_id), *words.facts(request)])


def watch(
    context: typer.Context,
    request_ids: RequestIds,
    *,
    timeout: Timeout = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
) -> None:
    """Follow requests until all have ended. --jsonl writes every change.

    Ctrl-C ends the command and not the requests.
    """
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    raise typer.Exit(follow(gateway_of(context), request_ids, timeout, style))


def list_requests(
    context: typer.Context,
    *,
    status: Annotated[
        RequestStatus | None, typer.Option(help="Only requests in this state.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-q", help="Text in requestId, name or file name.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Largest number of requests.")] = 50,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
) -> None:
    """List requests, newest first."""
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    with calling(context) as client:
        page_size = min(limit, _LONGEST_PAGE)
        found = client.requests(status=status, search=search, page_size=page_size)
        items = (item for item, _ in zip(found, range(limit), strict=False))
        columns = ("REQUEST", "STATUS", "IMAGES", "SAVED", "AGE", "MADE FROM")
        screen.write_items(items, style, columns, _summary_row)


def _summary_row(item: RequestSummary) -> tuple[str, ...]:
    return (
        item.request_id,
        f"{item.status} (expired)" if item.expired else str(item.status),
        words.progress(item.images),
        item.saved or "",
        words.age(item.created_at),
        item.name or item.file_name or "",
    )


def failures(
    context: typer.Context,
    request_id: RequestId,
    *,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
) -> None:
    """Say why images failed, the most frequent reason first."""
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    with calling(context) as client:
        columns = ("REASON", "IMAGES", "RETRY HELPS", "MEANING", "EXAMPLE")
        found = list(client.failures(request_id))
        screen.write_items(found, style, columns, _failure_row)
    if found and style is Style.TEXT:
        gateway = gateway_of(context)
        rows = gateway.command("download", request_id, "--format", "failed")
        screen.say(f"to fetch these images again: {gateway.command('retry', request_id)}")
        screen.say(f"to correct their rows and submit them: {rows}")


def _failure_row(item: Failure) -> tuple[str, ...]:
    first = item.examples[0] if item.examples else None
    example = f"row {first.row}: {first.input_url}" if first is not None else ""
    retry_helps = "perhaps" if item.retryable else "no"
    return item.code, f"{item.count:,}", retry_helps, item.message, example


def images(
    context: typer.Context,
    request_id: RequestId,
    *,
    status: Annotated[str | None, typer.Option(help="succeeded, kept, reused or failed.")] = None,
    code: Annotated[str | None, typer.Option(help="Only images with this error code.")] = None,
    row: Annotated[int | None, typer.Option(min=1, help="Only images of this row.")] = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
) -> None:
    """List the result of each image in input order, also while the request runs."""
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    with calling(context) as client:
        found = client.images(request_id, status=status, code=code, row=row)
        columns = ("ROW", "IMAGE", "STATUS", "SIZE", "INPUT", "RESULT")
        screen.write_items(found, style, columns, _image_row)


def _image_row(item: Image) -> tuple[str, ...]:
    sizes = ""
    if item.bytes_in is not None and item.bytes_out is not None:
        sizes = f"{words.size(item.bytes_in)} → {words.size(item.bytes_out)}"
    failed = f"{item.error_code}: {item.error_message or ''}" if item.error_code else ""
    result = item.output_url or failed
    return str(item.row), str(item.position), item.status, sizes, item.input_url, result
