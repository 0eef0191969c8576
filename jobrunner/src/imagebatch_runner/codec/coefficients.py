"""Compress a JPEG with the native library of ``native/``, where it was built.

:func:`recode` keeps the size and works on the coefficients; :func:`resize` makes a JPEG smaller or
turns it, by way of its planes. Both take flawless Huffman-coded JPEGs of 8 bits, sequential or
progressive, gray or YCbCr with chroma as fine as luma or half as fine. They refuse all others,
which the general decoder then takes or fails.

Not thread-safe: the process has one scratch buffer.
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

if TYPE_CHECKING:  # it loads Pillow; the process that starts the decoders needs AVAILABLE alone
    from .quantisation import Quantisation

_LIBRARY: Final = Path(__file__).with_name("_jpeg.so")
_ABI: Final = 6
#: Bytes of scratch that are kept for the next image: getting new pages takes longer than the work.
_KEPT_OUTPUT, _KEPT_WORK = KEPT_AS_SCRATCH // 4, KEPT_AS_SCRATCH // 4 * 3


class Resizing(ctypes.Structure):
    """``resizing`` of native/resize.c: the samples that a block is decoded to in each direction,
    the size of the output before it is turned, the EXIF orientation, and whether the output has
    4:2:0 chroma whatever the input has."""

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
    """A buffer that one image after the other uses, so that its pages are allocated once. Between
    two images it keeps at most ``kept`` bytes of memory and twice that of address space."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._memory: mmap.mmap | None = None

    def at_least(self, size: int) -> mmap.mmap:
        """The buffer with at least ``size`` bytes of arbitrary content. OSError if the process may
        not have so much memory."""
        if self._memory is None or len(self._memory) < size:
            self._memory = None
            self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return self._memory

    def trim(self) -> None:
        """Give back the pages over ``kept``, and the addresses of a very large buffer."""
        if self._memory is None or len(self._memory) <= self._kept:
            return
        if len(self._memory) > 2 * self._kept:
            self._memory = None
        else:
            self._memory.madvise(mmap.MADV_DONTNEED, self._kept, len(self._memory) - self._kept)

    def release(self) -> None:
        """Give back the addresses too, if the buffer is larger than ``kept``."""
        if self._memory is not None and len(self._memory) > self._kept:
            self._memory = None

    def drop(self) -> None:
        self._memory = None


_output, _work = Scratch(_KEPT_OUTPUT), Scratch(_KEPT_WORK)


def recode(
    data: Bytes, target: Quantisation | None, out: BinaryIO, *, coarse: bool = False
) -> bool:
    """Write ``data`` with the quantisation ``target`` into ``out``, which is unbuffered and empty.

    Without a target the JPEG keeps its own quantisation and gets better Huffman tables. ``coarse``
    needs a target and gives 4:2:0 chroma whatever the input has. The output may be up to an eighth
    larger than ``data``: the caller then knows that the image is sound and gets no smaller.

    False, with nothing written, for a JPEG that is refused, and where memory does not suffice.
    """
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_scratch(_pointer(data), len(data), coarse)
    recoding = partial(_library.imagebatch_jpeg_recode, _pointer(data), len(data), coarse)
    return _written(recoding, target, _most(data), needed, out)


def resize(data: Bytes, how: Resizing, target: Quantisation, out: BinaryIO) -> bool:
    """As :func:`recode`, for another size or orientation. Refused as well if the output is smaller
    than a tenth of what the blocks are decoded to."""
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_resize_scratch(_pointer(data), len(data), how)
    resizing = partial(_library.imagebatch_jpeg_resize, _pointer(data), len(data), how)
    return _written(resizing, target, _most(data), needed, out)


def _most(data: Bytes) -> int:
    """The most bytes of an output. An input that gets no smaller must not look refused: Pillow
    would compress it again and lose quality for nothing."""
    return len(data) + len(data) // 8 + 1024


def _written(
    function: Callable[..., int], target: Quantisation | None, most: int, needed: int, out: BinaryIO
) -> bool:
    """Write what ``function`` makes, at most ``most`` bytes, with ``needed`` bytes of scratch."""
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
    """Give the address space to the general decoder, except for what is counted as kept."""
    _output.release()
    _work.release()


def _pointer(data: Bytes) -> bytes | int:
    return data if isinstance(data, bytes) else _address(data)


def _address(memory: mmap.mmap | memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
