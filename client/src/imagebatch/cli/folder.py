"""Uploads each CSV and workbook of a folder as a request."""

from __future__ import annotations

from pathlib import Path

import typer

from imagebatch import InvalidInput, UploadOptions

from . import screen
from .context import calling, gateway_of
from .exits import Exit, worst
from .screen import Style
from .watching import watch

_ENDINGS = frozenset({".csv", ".xlsx"})


def tables_of(folder: Path) -> list[Path]:
    """Return the CSV and .xlsx files of a folder by name, without those in its folders.

    Hidden files, and the lock files of an open workbook (``~$``), are left out.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix.lower() in _ENDINGS
        and not path.name.startswith((".", "~$"))
    )


def submit_folder(
    context: typer.Context,
    folder: Path,
    options: UploadOptions,
    timeout: float | None,
    style: Style,
    *,
    wait: bool,
) -> Exit:
    """Upload the files of a folder; return the exit code.

    Writes requestId and file name of each, or with ``wait`` how each request ended. A refused file
    is told, and gives exit code 2 at least.
    """
    files = tables_of(folder)
    if not files:
        screen.complain(f"imagebatch: {folder} has no .csv or .xlsx file")
        return Exit.REFUSED
    made: list[str] = []
    code = Exit.DONE
    for file in files:
        with calling(context, *made) as client:
            try:
                upload = client.upload(file, options)
            except InvalidInput as error:
                screen.complain(f"{file.name}: {error}")
                code = Exit.REFUSED
                continue
        made.append(upload.request_id)
        if upload.row_problem_count:
            screen.complain(f"{file.name}: rows with problems: {upload.row_problem_count}")
        if not wait and style is Style.TEXT:
            screen.write_line(f"{upload.request_id}\t{file.name}")
        elif not wait:
            screen.write_json(upload.as_json())
    if wait and made:
        return worst([code, watch(gateway_of(context), made, timeout, style)])
    return code
