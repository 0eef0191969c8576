"""Commands that create requests: submit, validate, retry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imagebatch import TableOptions, UploadOptions
from imagebatch.bodies import RetryOnly
from imagebatch.models import RowProblem, Upload
from imagebatch.uploadable import Source

from . import screen, words
from .context import AsJson, AsJsonLines, Gateway, RequestId, Timeout, calling, gateway_of
from .exits import Exit
from .folder import submit_folder
from .model_options import options_of
from .screen import Style, style_of
from .watching import watch

_FileArgument = Annotated[
    str, typer.Argument(help="A CSV or .xlsx file; - is standard input.", metavar="FILE")
]
_FileOrFolder = Annotated[
    str,
    typer.Argument(
        help="A CSV or .xlsx file, or a folder of them; - is standard input.", metavar="FILE"
    ),
]
_Wait = Annotated[bool, typer.Option("--wait", help="Wait until the request has ended.")]
_Name = Annotated[
    str | None, typer.Option(help="Name of the file for the gateway.", show_default="the file's")
]
_Key = Annotated[
    str | None,
    typer.Option(help="The same key with the same file and options gives the same request."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command("submit")(submit)
    app.command("validate")(validate)
    app.command("retry")(retry)


@options_of(UploadOptions, "options")
def submit(
    context: typer.Context,
    file: _FileOrFolder,
    *,
    wait: _Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
    file_name: _Name = None,
    idempotency_key: _Key = None,
    options: UploadOptions,
) -> None:
    """Upload a file of products and image URLs. Writes the requestId.

    Of a folder, each file becomes a request; a file that is refused does not stop the others.

    With --wait, writes how the request ended, and ends with an exit code that says so.
    """
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    _needs_wait(wait=wait, timeout=timeout)
    if Path(file).is_dir():
        if file_name or idempotency_key:
            raise typer.BadParameter("--file-name and --idempotency-key are for one file")
        raise typer.Exit(submit_folder(context, Path(file), options, timeout, style, wait=wait))
    with calling(context) as client:
        upload = client.upload(
            _source(file), options, name=file_name, idempotency_key=idempotency_key
        )
    _tell_problems(upload.row_problems, upload.row_problem_count, upload.notices)
    if wait:
        screen.say(f"request {upload.request_id}")
        raise typer.Exit(watch(gateway_of(context), [upload.request_id], timeout, style))
    _written(gateway_of(context), upload, style)


@options_of(TableOptions, "options")
def validate(
    context: typer.Context,
    file: _FileArgument,
    *,
    as_json: AsJson = False,
    file_name: _Name = None,
    options: TableOptions,
) -> None:
    """Check a file without sending it for compression. Exit code 1 if rows have problems."""
    with calling(context) as client:
        found = client.validate(_source(file), options, name=file_name)
    if as_json:
        screen.write_json(found.as_json())
    else:
        screen.write_pairs(
            [
                ("products", f"{found.products:,}"),
                ("images", f"{found.images:,}"),
                ("rows checked", f"{found.rows_checked:,}"),
                *((one.host, words.counted(one.images, "image")) for one in found.hosts),
            ]
        )
    _tell_problems(found.row_problems, found.row_problem_count, found.notices)
    raise typer.Exit(Exit.SOME_IMAGES_FAILED if found.row_problem_count else Exit.DONE)


def retry(
    context: typer.Context,
    request_id: RequestId,
    *,
    retryable: Annotated[
        bool, typer.Option("--retryable", help="Only images whose failure may be temporary.")
    ] = False,
    wait: _Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonLines = False,
) -> None:
    """Create a request for the failed images of one that has ended. Writes its requestId.

    Other images keep their outputs; the new report has all rows.
    """
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    _needs_wait(wait=wait, timeout=timeout)
    only: RetryOnly = "retryable" if retryable else "failed"
    with calling(context) as client:
        created = client.retry(request_id, only)
    if wait:
        screen.say(f"request {created.request_id}")
        raise typer.Exit(watch(gateway_of(context), [created.request_id], timeout, style))
    if style is Style.TEXT:
        screen.write_line(created.request_id)
    else:
        screen.write_json(created.as_json())


def _needs_wait(*, wait: bool, timeout: float | None) -> None:
    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout needs --wait")


def _source(file: str) -> Source:
    return sys.stdin.buffer if file == "-" else Path(file)


def _written(gateway: Gateway, upload: Upload, style: Style) -> None:
    if style is not Style.TEXT:
        screen.write_json(upload.as_json())
        return
    screen.write_line(upload.request_id)
    images, products = words.counted(upload.images, "image"), words.counted(upload.products, "row")
    follow = gateway.command("watch", upload.request_id)
    screen.say(f"{images} of {products}; to follow it: {follow}")


def _tell_problems(problems: list[RowProblem], count: int, notices: list[str]) -> None:
    for notice in notices:
        screen.complain(f"notice: {notice}")
    for one in problems:
        text = f" ({one.text})" if one.text else ""
        screen.complain(f"line {one.line}, column {one.column}: {one.problem}{text}")
    if count > len(problems):
        screen.complain(f"and {words.counted(count - len(problems), 'more problem')}")
