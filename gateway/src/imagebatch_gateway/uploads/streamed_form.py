"""Read the form of an upload so that a large CSV goes on to the store while it arrives.

A workbook needs all of its bytes before its first row can be read, and so does a CSV for which no
stream is free: these are spooled to the scratch volume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from fastapi import Request, UploadFile
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as StarletteUploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from imagebatch_core.catalogue.files import is_workbook
from imagebatch_core.errors import InputRefused
from imagebatch_core.source import Source
from imagebatch_gateway.answers.problems import client_gone

from .stream import CsvStream
from .table_fields import TableFields

#: Bytes of a file from which on it is streamed.
STREAMED_FROM: Final = 1024 * 1024
_PIECE: Final = 64 * 1024

#: Returns a stream for a file that is read in this way, or ``None`` if all are in use.
Begin = Callable[[Source], CsvStream | None]


class StreamedUpload(UploadFile):
    """A file of a form. ``stream`` is set if it is on its way to the store; otherwise the file is
    spooled, as any other.
    """

    def __init__(self, spooled: StarletteUploadFile, begin: Callable[[], CsvStream | None]) -> None:
        super().__init__(spooled.file, size=0, filename=spooled.filename, headers=spooled.headers)
        self.stream: CsvStream | None = None
        self._begin: Callable[[], CsvStream | None] | None = begin

    async def write(self, data: bytes) -> None:
        if self.stream is not None:
            await self.stream.write(data)
            return
        await super().write(data)
        if self._begin is not None and (self.size or 0) > STREAMED_FROM:
            begin, self._begin = self._begin, None
            await super().seek(0)
            if not is_workbook(await super().read(4)):
                self.stream = begin()
            if self.stream is None:
                await super().seek(self.size or 0)
                return
            await super().seek(0)
            while piece := await super().read(_PIECE):
                await self.stream.write(piece)

    async def seek(self, offset: int) -> None:
        if self.stream is None:
            await super().seek(offset)

    async def close(self) -> None:
        if self.stream is not None:
            await self.stream.abort()
        await super().close()


class _Parser(MultiPartParser):
    """Starlette's parser, whose files are :class:`StreamedUpload`."""

    def __init__(self, request: Request, begin: Begin, limits: dict[str, Any]) -> None:
        super().__init__(request.headers, cast(Any, request.stream()), **limits)
        self._begin = begin
        self.files: list[StreamedUpload] = []
        #: The stream of the file, once it has begun.
        self.begun: asyncio.Future[CsvStream] = asyncio.get_running_loop().create_future()

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None and part.field_name == "file" and not self.files:
            part.file = StreamedUpload(part.file, self._stream)
            self.files.append(part.file)

    def _stream(self) -> CsvStream | None:
        source = TableFields.source_of(self.items)
        stream = self._begin(source or TableFields().source())
        # A form that is not valid is refused at its end, with all that is wrong with it.
        if stream is not None and source is not None:
            self.begun.set_result(stream)
        return stream


async def read_streamed(
    request: Request, begin: Begin, limits: dict[str, Any], *, early: bool
) -> None:
    """Read the form of a request; ``request.form()`` returns it afterwards.

    With ``early``, the reading ends as soon as a streamed file is refused. Otherwise a refusal
    counts at the end, because a field that follows the file may say how to read it.

    Raises:
        InputRefused: the file is refused while it arrives.
        Problem: the client has closed the connection.
        HTTPException: this is no valid form.
        GatewayError: the store refuses or does not respond.
    """
    content_type = request.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        return
    parser = _Parser(request, begin, limits)
    try:
        request._form = await (_until_refused(parser) if early else parser.parse())
    except BaseException as error:
        for file in parser.files:
            await file.close()
        if isinstance(error, MultiPartException):
            raise HTTPException(400, error.message) from error
        if isinstance(error, ClientDisconnect):
            raise client_gone() from error
        raise


async def _until_refused(parser: _Parser) -> FormData:
    """Parse the form; stop as soon as its file is refused. Raises InputRefused."""
    parsed = asyncio.create_task(parser.parse())
    refused = asyncio.create_task(_refusal(parser))
    try:
        await asyncio.wait({parsed, refused}, return_when=asyncio.FIRST_COMPLETED)
        error = refused.result() if refused.done() else None
        if error is not None and not parsed.done():
            raise error
        return await parsed
    finally:
        for task in (parsed, refused):
            task.cancel()
        await asyncio.gather(parsed, refused, return_exceptions=True)


async def _refusal(parser: _Parser) -> InputRefused | None:
    return await (await parser.begun).refusal()
