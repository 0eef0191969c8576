"""JPEG to JPEG without leaving the coefficients: the native library of ``native/``, if built.

It takes sequential Huffman JPEGs of one interleaved scan that are flawless, and refuses all others,
which are then for the general decoder. Nothing here judges an image. Not for several threads: the
scratch is one for the process.
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
_ABI: Final = 3
#: Scratch up to these sizes is kept for the next image: new pages cost more than the work on them.
_KEPT_OUTPUT, _KEPT_SYMBOLS = KEPT_AS_SCRATCH // 4, KEPT_AS_SCRATCH // 4 * 3
#: Bytes an entry of the record of symbols takes, and how many a block can have at most.
_ENTRY, _ENTRIES_PER_BLOCK = 4, 66
#: More entries for each byte of input than photographs have; flat pictures go the general way.
_ENTRIES_PER_BYTE = 3
#: As in native/scale.c.
_MOST_TAPS = 72


def _load() -> ctypes.CDLL | None:
    if not _LIBRARY.exists():
        return None
    try:
        library = ctypes.CDLL(str(_LIBRARY))
        version = library.imagebatch_jpeg_abi()
        recoding, scaling = library.imagebatch_jpeg_recode, library.imagebatch_plane_scale
    except (OSError, AttributeError) as error:
        raise ImportError(f"{_LIBRARY.name} does not load: install the runner again") from error
    if version != _ABI:
        raise ImportError(f"{_LIBRARY.name} is of another version: install the runner again")
    recoding.restype = ctypes.c_int64
    recoding.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
        ctypes.c_void_p,
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
    """A buffer that is zeroed, and its memory given back, only when it has to grow or is over
    ``kept`` bytes."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._memory: mmap.mmap | None = None

    def at_least(self, size: int) -> mmap.mmap:
        """OSError where the process may not have so much."""
        if self._memory is None or len(self._memory) < size:
            self._memory = None
            self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return self._memory

    def trim(self) -> None:
        if self._memory is not None and len(self._memory) > self._kept:
            self._memory = None

    def drop(self) -> None:
        self._memory = None


_output, _symbols = Scratch(_KEPT_OUTPUT), Scratch(_KEPT_SYMBOLS)


def recode(data: Bytes, target: Quantisation | None, pixels: int, out: BinaryIO) -> bool:
    """Write ``data`` with the quantisation ``target``, or with its own and better Huffman tables
    for ``None``, into ``out``, unless it is refused or would not get smaller.

    ``out`` is unbuffered and empty; ``pixels`` is the size of the image. Refused, too, where memory
    does not suffice: it is then all for the general decoder.
    """
    if _library is None:
        return False
    entries = min(_ENTRIES_PER_BYTE * len(data), _ENTRIES_PER_BLOCK * (pixels // 16 + 4096))
    try:
        output, symbols = _output.at_least(len(data)), _symbols.at_least(entries * _ENTRY)
    except OSError:
        _output.drop()
        _symbols.drop()
        return False
    tables = (ctypes.c_uint16 * 128)(*target.luma, *target.chroma) if target else None
    bit = (ctypes.c_int32 * 4)(*(target.bit if target else ()))
    try:
        size = _library.imagebatch_jpeg_recode(
            _pointer(data), len(data), tables, bit,
            _address(output), len(data), _address(symbols), entries,
        )  # fmt: skip
        if size < 0:
            return False
        with memoryview(output) as view, view[:size] as written:
            write_all(out, written)
        return True
    finally:
        del output, symbols
        _output.trim()
        _symbols.trim()


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
        scratch = _symbols.at_least(room)
        out = bytearray(to[0] * to[1])
    except (OSError, MemoryError):
        _symbols.drop()
        return None
    result = _library.imagebatch_plane_scale(
        plane, *size, (ctypes.c_char * len(out)).from_buffer(out), *to, *by,
        _address(scratch), room,
    )  # fmt: skip
    del scratch
    _symbols.trim()
    return bytes(out) if result == 0 else None


def _pointer(data: Bytes) -> bytes | int:
    return data if isinstance(data, bytes) else _address(data)


def _address(memory: mmap.mmap | memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
