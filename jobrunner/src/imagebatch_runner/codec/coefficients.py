"""Compress a JPEG with the native library of ``native/``, if it was built.

:func:`recode` keeps the size and works on the coefficients; :func:`resize` scales a JPEG down or
turns it, by way of its planes. Both accept flawless Huffman-coded JPEGs of 8 bits, sequential or
progressive, gray or YCbCr with chroma as fine as luma or half as fine. They refuse all others;
Pillow then decodes those or fails.

This module is not thread-safe: the process has one scratch buffer.
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

if TYPE_CHECKING:  # it loads Pillow; the process that starts the decoders only needs AVAILABLE
    from .quantisation import Quantisation

_LIBRARY: Final = Path(__file__).with_name("_jpeg.so")
_ABI: Final = 6
#: Bytes of scratch kept for the next image, because new pages take longer than the work itself.
_KEPT_OUTPUT, _KEPT_WORK = KEPT_AS_SCRATCH // 4, KEPT_AS_SCRATCH // 4 * 3


class Resizing(ctypes.Structure):
    """The struct ``resizing`` of native/resize.c: the samples that a block is decoded to in each
    direction, the size of the output before it is turned, the EXIF orientation, and whether the
    output has 4:2:0 chroma whatever the input has."""

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
    """A buffer that is reused for each image, so that its pages are allocated once. Between two
    images it keeps at most ``kept`` bytes of memory and twice as much address space."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._memory: mmap.mmap | None = None

    def at_least(self, size: int) -> mmap.mmap:
        """Return the buffer with at least ``size`` bytes of arbitrary content.

        Raises:
            OSError: the process may not have that much memory.
        """
        if self._memory is None or len(self._memory) < size:
            self._memory = None
            self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return self._memory

    def trim(self) -> None:
        """Return the pages over ``kept`` to the kernel, and the whole of a very large buffer."""
        if self._memory is None or len(self._memory) <= self._kept:
            return
        if len(self._memory) > 2 * self._kept:
            self._memory = None
        else:
            self._memory.madvise(mmap.MADV_DONTNEED, self._kept, len(self._memory) - self._kept)

    def release(self) -> None:
        """Unmap the buffer if it is larger than ``kept``, which also frees its address space."""
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

    Return False, with nothing written, if the library refuses the JPEG or memory does not suffice.
    """
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_scratch(_pointer(data), len(data), coarse)
    recoding = partial(_library.imagebatch_jpeg_recode, _pointer(data), len(data), coarse)
    return _written(recoding, target, _most(data), needed, out)


def resize(data: Bytes, how: Resizing, target: Quantisation, out: BinaryIO) -> bool:
    """Like :func:`recode`, but for another size or orientation, given by ``how``.

    The library also refuses an output smaller than a tenth of what the blocks are decoded to.
    """
    if _library is None:
        return False
    needed = _library.imagebatch_jpeg_resize_scratch(_pointer(data), len(data), how)
    resizing = partial(_library.imagebatch_jpeg_resize, _pointer(data), len(data), how)
    return _written(resizing, target, _most(data), needed, out)


def _most(data: Bytes) -> int:
    """Return the most bytes that an output may have, somewhat more than the input has.

    The library reports an output over this size as a failure, and Pillow would then compress the
    image again and lose quality for nothing. So the limit leaves room for inputs that do not get
    smaller.
    """
    return len(data) + len(data) // 8 + 1024


def _written(
    function: Callable[..., int], target: Quantisation | None, most: int, needed: int, out: BinaryIO
) -> bool:
    """Call ``function`` with ``needed`` bytes of scratch and write its output, at most ``most``
    bytes, to ``out``. Return False, with nothing written, if it refuses or memory does not suffice.
    """
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
    """Free the address space for Pillow, except for what the scratch buffers may keep."""
    _output.release()
    _work.release()


def _pointer(data: Bytes) -> bytes | int:
    return data if isinstance(data, bytes) else _address(data)


def _address(memory: mmap.mmap | memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
