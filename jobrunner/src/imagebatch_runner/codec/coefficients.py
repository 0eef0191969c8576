"""JPEG to JPEG without leaving the coefficients: the native library of ``native/``, if built.

It takes flawless Huffman JPEGs of 8 bits, sequential or progressive, gray or YCbCr with chroma as
fine as luma or half as fine, and refuses all others, which are then for the general decoder.
Nothing here judges an image. Not for several threads: the scratch is one for the process.
"""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from imagebatch_runner.memory import KEPT_AS_SCRATCH

from .rawfile import Bytes, write_all

if TYPE_CHECKING:  # it loads Pillow, and the parent process asks here for AVAILABLE
    from .quantisation import Quantisation

_LIBRARY: Final = Path(__file__).with_name("_jpeg.so")
_ABI: Final = 4
#: Scratch up to these sizes is kept for the next image: new pages cost more than the work on them.
_KEPT_OUTPUT, _KEPT_WORK = KEPT_AS_SCRATCH // 4, KEPT_AS_SCRATCH // 4 * 3
#: As in native/scale.c.
_MOST_TAPS = 72


def _load() -> ctypes.CDLL | None:
    if not _LIBRARY.exists():
        return None
    try:
        library = ctypes.CDLL(str(_LIBRARY))
        version = library.imagebatch_jpeg_abi()
        recoding, scaling = library.imagebatch_jpeg_recode, library.imagebatch_plane_scale
        measuring = library.imagebatch_jpeg_scratch
    except (OSError, AttributeError) as error:
        raise ImportError(f"{_LIBRARY.name} does not load: install the runner again") from error
    if version != _ABI:
        raise ImportError(f"{_LIBRARY.name} is of another version: install the runner again")
    measuring.restype = recoding.restype = ctypes.c_int64
    measuring.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    recoding.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
    ]  # fmt: skip
    scaling.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t,
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
        ctypes.c_double, ctypes.c_double, ctypes.c_void_p, ctypes.c_size_t,
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
    for ``None``, into ``out``, unless it is refused or would not get smaller. ``coarse``, which
    takes a target: with 4:2:0 chroma, whatever it had.

    ``out`` is unbuffered and empty. Refused, too, where memory does not suffice: it is then all for
    the general decoder.
    """
    if _library is None:
        return False
    room = _library.imagebatch_jpeg_scratch(_pointer(data), len(data), coarse)
    if room < 0:
        return False
    try:
        output, work = _output.at_least(len(data)), _work.at_least(room)
    except (OSError, OverflowError):
        _output.drop()
        _work.drop()
        return False
    tables = (ctypes.c_uint16 * 128)(*target.luma, *target.chroma) if target else None
    bit = (ctypes.c_int32 * 4)(*(target.bit if target else ()))
    try:
        size = _library.imagebatch_jpeg_recode(
            _pointer(data), len(data), tables, coarse, bit,
            _address(output), len(data), _address(work), room,
        )  # fmt: skip
        if size < 0:
            return False
        with memoryview(output) as view, view[:size] as written:
            write_all(out, written)
        return True
    finally:
        del output, work
        _output.trim()
        _work.trim()


def scaled(
    plane: bytes, size: tuple[int, int], to: tuple[int, int], by: tuple[float, float]
) -> bytes | None:
    """The 8-bit ``plane`` of ``size`` in the smaller size ``to``, by Lanczos' filter; each of its
    samples is ``by`` of the source's across and down. ``None`` without the library, where a scale
    is under 1 or over 10, or where memory does not suffice."""
    if _library is None or len(plane) != size[0] * size[1]:
        return None
    room = to[0] * (4 + 2 * _MOST_TAPS) + 2 * (size[0] + _MOST_TAPS)
    try:
        scratch = _work.at_least(room)
        out = bytearray(to[0] * to[1])
    except (OSError, MemoryError):
        _work.drop()
        return None
    result = _library.imagebatch_plane_scale(
        plane, *size, (ctypes.c_char * len(out)).from_buffer(out), *to, *by,
        _address(scratch), room,
    )  # fmt: skip
    del scratch
    _work.trim()
    return bytes(out) if result == 0 else None


def release() -> None:
    """Leave the address space to the general decoder, but for what is counted as kept."""
    _output.release()
    _work.release()


def _pointer(data: Bytes) -> bytes | int:
    return data if isinstance(data, bytes) else _address(data)


def _address(memory: mmap.mmap | memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
