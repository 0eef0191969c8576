"""JPEG to JPEG by the native library of ``native/``, if built: of the same size without leaving the
coefficients, to another one by its planes.

It takes flawless Huffman JPEGs of 8 bits, sequential or progressive, gray or YCbCr with chroma as
fine as luma or half as fine, and refuses all others, which are then for the general decoder.
Nothing here judges an image. Not for several threads: the scratch is one for the process.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from imagebatch_runner.memory import KEPT_AS_SCRATCH

from .rawfile import Bytes, write_all

if TYPE_CHECKING:  # it loads Pillow, and the parent process asks here for AVAILABLE
    from .quantisation import Quantisation

_LIBRARY: Final = Path(__file__).with_name("_jpeg.so")
_ABI: Final = 6
#: Scratch up to these sizes is kept for the next image: new pages cost more than the work on them.
_KEPT_OUTPUT, _KEPT_WORK = KEPT_AS_SCRATCH // 4, KEPT_AS_SCRATCH // 4 * 3


class Resizing(ctypes.Structure):
    """``resizing`` of native/resize.c: samples that blocks are decoded to each way, the size before
    it is turned, the picture's EXIF orientation, and whether chroma is to be 4:2:0, whatever it
    was."""

    _fields_ = (
        ("eighths", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("orientation", ctypes.c_int32),
        ("coarse", ctypes.c_int32),
    )


def _load() -> ctypes.CDLL | None:
    if not _LIBRARY.exists():
        return None
    try:
        library = ctypes.CDLL(str(_LIBRARY))
        version = library.imagebatch_jpeg_abi()
        recoding, resizing = library.imagebatch_jpeg_recode, library.imagebatch_jpeg_resize
        for_recoding = library.imagebatch_jpeg_scratch
        for_resizing = library.imagebatch_jpeg_resize_scratch
    except (OSError, AttributeError) as error:
        raise ImportError(f"{_LIBRARY.name} does not load: install the runner again") from error
    if version != _ABI:
        raise ImportError(f"{_LIBRARY.name} is of another version: install the runner again")
    for function in (recoding, resizing, for_recoding, for_resizing):
        function.restype = ctypes.c_int64
    for_recoding.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for_resizing.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Resizing)]
    recoding.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
    ]  # fmt: skip
    resizing.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Resizing),
        ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
    ]  # fmt: skip
    return library


_library: Final = _load()
AVAILABLE: Final = _library is not None


class Scratch:
    """A buffer for one image after the other, which costs its pages only once: no more than
    ``kept`` bytes of memory, and twice that of address space, between two images."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._memory: mmap.mmap | None = None

    def at_least(self, size: int) -> mmap.mmap:
        """Its content is whatever was there. OSError where the process may not have so much."""
        if self._memory is None or len(self._memory) < size:
            self._memory = None
            self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return self._memory

    def trim(self) -> None:
        """Give back the pages over ``kept``, and the addresses of a very large one."""
        if self._memory is None or len(self._memory) <= self._kept:
            return
        if len(self._memory) > 2 * self._kept:
            self._memory = None
        else:
            self._memory.madvise(mmap.MADV_DONTNEED, self._kept, len(self._memory) - self._kept)

    def release(self) -> None:
        """Give back the addresses as well, if they are more than ``kept``."""
        if self._memory is not None and len(self._memory) > self._kept:
            self._memory = None

    def drop(self) -> None:
        self._memory = None


_output, _work = Scratch(_KEPT_OUTPUT), Scratch(_KEPT_WORK)


def recode(
    data: Bytes, target: Quantisation | None, out: BinaryIO, *, coarse: bool = False
) -> bool:
    """Write ``data`` with the quantisation ``target``, or with its own and better Huffman tables
    for ``None``, into ``out``, unless it is refused. ``coarse``, which takes a target: with 4:2:0
    chroma, whatever it had.

    ``out`` is unbuffered and empty. What is written may be larger than ``data``, by some eighth:
    the caller then knows that it is sound and gets no smaller. Refused, too, where memory does not
    suffice: it is then all for the general decoder.
    """
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_scratch(_pointer(data), len(data), coarse)
    recoding = partial(_library.imagebatch_jpeg_recode, _pointer(data), len(data), coarse)
    return _written(recoding, target, _most(data), needed, out)


def resize(data: Bytes, how: Resizing, target: Quantisation, out: BinaryIO) -> bool:
    """As :func:`recode`, to another size or turned. Refused, too, under a tenth of what blocks are
    decoded to."""
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_resize_scratch(_pointer(data), len(data), how)
    resizing = partial(_library.imagebatch_jpeg_resize, _pointer(data), len(data), how)
    return _written(resizing, target, _most(data), needed, out)


def _most(data: Bytes) -> int:
    """Bytes of an output. An input that gets no smaller must not seem refused: Pillow would
    compress it once more, for a loss that saves nothing."""
    return len(data) + len(data) // 8 + 1024


def _written(
    function: Callable[..., int], target: Quantisation | None, most: int, needed: int, out: BinaryIO
) -> bool:
    """What ``function`` makes, of ``most`` bytes, with so many bytes ``needed`` as scratch."""
    if needed < 0:
        return False
    try:
        output, work = _output.at_least(most), _work.at_least(needed)
    except (OSError, OverflowError):
        _output.drop()
        _work.drop()
        return False
    tables = (ctypes.c_uint16 * 128)(*target.luma, *target.chroma) if target else None
    bit = (ctypes.c_int32 * 4)(*(target.bit if target else ()))
    try:
        size = function(tables, bit, _address(output), most, _address(work), needed)
        if size < 0:
            return False
        with memoryview(output) as view, view[:size] as written:
            write_all(out, written)
        return True
    finally:
        del output, work
        _output.trim()
        _work.trim()


def release() -> None:
    """Leave the address space to the general decoder, but for what is counted as kept."""
    _output.release()
    _work.release()


def _pointer(data: Bytes) -> bytes | int:
    return data if isinstance(data, bytes) else _address(data)


def _address(memory: mmap.mmap | memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
