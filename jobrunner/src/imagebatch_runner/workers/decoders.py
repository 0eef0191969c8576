"""The pool of decoders: worker processes that each compress one image at a time.

If a decoder crashes, hangs or runs out of memory, only its current image fails. When the pod runs
out of memory, the kernel may kill a decoder because of another decoder's image: the image of a
killed decoder is therefore retried once, while no other image is decoded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TypeVar

from imagebatch_core.formats import Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.budget import Budget
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.memory import KEPT_BY_DECODER, MIB

from . import kernel, memfile, responses
from .responses import Done, Malformed, Refused, Stripped
from .sandbox import Sandbox

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The only variables that a worker inherits: it decodes hostile bytes and needs no credentials.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
#: Variables of a worker. Decoding libraries start no threads of their own. glibc keeps the memory
#: of one image for the next: by default it returns every large buffer to the kernel, which then has
#: to clear the pages again; that took a third of all CPU time. 32 MiB is the largest mmap threshold
#: that glibc accepts; the trim threshold is the memory that a decoder keeps between images.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(KEPT_BY_DECODER),
}


@dataclass(frozen=True, slots=True)
class Compressed:
    """A compressed image; ``data`` is the unchanged input if it was ``kept``.

    ``width`` and ``height`` are in pixels. The hashes of output and source are SHA-256 in
    hexadecimal.
    """

    data: bytes
    kind: Kind
    width: int
    height: int
    kept: bool
    sha256: str
    source_sha256: str


class DecoderPool:
    """A pool of decoder processes, to be used with ``async with``.

    A process starts when it is needed, also to replace one that has died.
    """

    def __init__(self, workers: int, *, timeout: float, memory: int) -> None:
        """Make a pool of at most ``workers`` processes.

        ``timeout`` is the limit for one image in seconds; ``memory`` is the limit of one decoder's
        address space in bytes, 0: no limit.
        """
        self._timeout = timeout
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker(memory) for _ in range(workers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._turns = Budget(workers)

    async def __aenter__(self) -> DecoderPool:
        """Hide this process's memory from its decoders; it holds the keys of the store."""
        if sys.platform == "linux":
            try:
                kernel.hide_from_others()
            except OSError as error:
                log.warning("decoders may read this process's memory: %s", error)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def compress(self, content: Content, kind: Kind, options: CodecOptions) -> Compressed:
        """Compress one image of the format ``kind``.

        Raises:
            ImageFailed: the image cannot be decoded, is over a limit, or crashed its decoder.
        """
        try:
            async with self._turns.hold(1):
                return await self._once(lambda worker: worker.compress(content, kind, options))
        except _Killed as killed:
            log.warning("a decoder was killed (%s): its image is tried once more, alone", killed)
        try:
            async with self._turns.hold(len(self._workers)):
                return await self._once(lambda worker: worker.compress(content, kind, options))
        except _Killed as killed:
            raise ImageFailed(
                ErrorCode.DECODER_CRASHED,
                f"its decoder was killed twice ({killed}), the second time with no other at work",
            ) from killed

    async def strip(self, content: Content, kind: Kind) -> bytes:
        """Return an image without its metadata; its pixels stay byte for byte.

        Raises:
            ImageFailed: the image crashed its decoder.
        """
        try:
            async with self._turns.hold(1):
                return await self._once(lambda worker: worker.strip(content, kind))
        except _Killed as killed:
            raise ImageFailed(
                ErrorCode.DECODER_CRASHED, f"its decoder was killed ({killed})"
            ) from killed

    async def _once(self, work: Callable[[_Worker], Awaitable[T]]) -> T:
        worker = await self._idle.get()
        try:
            async with asyncio.timeout(self._timeout):
                return await work(worker)
        except TimeoutError as error:
            await worker.kill()
            raise ImageFailed(
                ErrorCode.DECODER_TIMEOUT, f"decoding took more than {self._timeout:g} s"
            ) from error
        except asyncio.CancelledError:
            await worker.kill()  # otherwise the next image would get this image's response
            raise
        finally:
            worker.release_image()
            self._idle.put_nowait(worker)


class _Killed(Exception):
    """A decoder was killed by a signal from another process or the kernel."""


class _Worker:
    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._process: asyncio.subprocess.Process | None = None
        self._input = memfile.create("image-in")
        self._output = memfile.create("image-out")

    async def compress(self, content: Content, kind: Kind, options: CodecOptions) -> Compressed:
        fields = _fields(options)
        request = f'{{"size": {content.size}, "kind": "{kind.value}", "options": {fields}}}\n'
        response = await self._checked(content, request)
        if not isinstance(response, Done):
            raise await self._malformed()
        return Compressed(
            data=content.whole() if response.kept else memfile.read(self._output, response.size),
            kind=response.kind,
            width=response.width,
            height=response.height,
            kept=response.kept,
            sha256=response.sha256,
            source_sha256=response.source_sha256,
        )

    async def strip(self, content: Content, kind: Kind) -> bytes:
        request = f'{{"size": {content.size}, "kind": "{kind.value}"}}\n'
        response = await self._checked(content, request)
        if not isinstance(response, Stripped):
            raise await self._malformed()
        return content.whole() if response.kept else memfile.read(self._output, response.size)

    async def _checked(self, content: Content, request: str) -> Done | Stripped:
        """Return the response to a request about an image; an output is as long as it says.

        Raises:
            ImageFailed: the decoder refuses the image, or its response is none.
            _Killed: the process ended.
        """
        memfile.write(self._input, content.pieces)
        try:
            response = responses.parse(await self._response(request.encode()))
        except Malformed as error:
            raise await self._malformed() from error
        if isinstance(response, Refused):
            raise ImageFailed(response.error, response.message)
        if not response.kept and response.size > memfile.length(self._output):
            raise await self._malformed()
        return response

    async def _malformed(self) -> ImageFailed:
        """Kill the process, whose response is none of ours, and return the image's failure."""
        await self.kill()
        return ImageFailed(ErrorCode.DECODER_CRASHED, "the decoder's response is not one")

    async def _response(self, request: bytes) -> bytes:
        """Return the line with which the process responds to ``request``.

        Raises:
            ImageFailed, _Killed: the process ended.
            Malformed: the line has no end.
        """
        process, is_new = await self._started()
        assert process.stdin is not None  # noqa: S101 - both were piped
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(request)
            if is_new and (line := await process.stdout.readline()):
                _log_sandbox(Sandbox.of(json.loads(line)))  # written before the first image
            line = await process.stdout.readline()
        except ConnectionError:
            line = b""
        except ValueError as error:  # longer than the buffer
            raise Malformed("too long") from error
        if not line.endswith(b"\n"):
            raise await self._crash()
        return line

    async def _started(self) -> tuple[asyncio.subprocess.Process, bool]:
        """Return the process, and whether it was started for this image."""
        is_new = self._process is None or self._process.returncode is not None
        if is_new:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "imagebatch_runner.workers.worker",
                str(self._input),
                str(self._output),
                str(self._memory),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(self._input, self._output),
                env=environment(),
                start_new_session=True,  # Ctrl-C must reach only the parent, which finishes images
            )
        assert self._process is not None  # noqa: S101 - it has just been started otherwise
        return self._process, is_new

    async def _crash(self) -> ImageFailed | _Killed:
        assert self._process is not None  # noqa: S101 - it has just been used
        code = await self._process.wait()
        self._process = None
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if -code in (signal.SIGKILL, signal.SIGTERM):
            return _Killed(how)
        return ImageFailed(ErrorCode.DECODER_CRASHED, f"the decoder ended with {how}")

    def release_image(self) -> None:
        """Free the shared memory of the last image, which no budget counts any more."""
        memfile.empty(self._input)
        memfile.empty(self._output)

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        await self.kill()
        os.close(self._input)
        os.close(self._output)


@lru_cache(maxsize=4)
def _log_sandbox(sandbox: Sandbox) -> None:
    """Log once what holds in the decoders, as a warning if anything is missing."""
    level = logging.WARNING if sandbox.missing else logging.INFO
    log.log(level, "%s", sandbox, extra=asdict(sandbox))


@lru_cache(maxsize=4)
def _fields(options: CodecOptions) -> str:
    """Return the options as JSON; cached, because they are the same for all images of a shard."""
    return json.dumps(asdict(options))


def environment() -> dict[str, str]:
    """Return the environment variables of a decoder process.

    Benchmarks of the codec alone use the same variables.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | _ENVIRONMENT
