"""Files that are uploaded while they are written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.exceptions import GenericError
from obstore.store import MemoryStore

from imagebatch_runner.store.growing import growing_files
from imagebatch_runner.store.storage import PART_BYTES, Storage

HALF = b"0123456789abcdef" * (PART_BYTES // 32)


class Watched(Storage):
    """Counts the pieces that were uploaded, and breaks uploads in pieces if it is told to."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), patience=0)
        self.pieces: list[int] = []
        self.uploaded = threading.Semaphore(0)
        self.breaks = False
        self.whole = 0

    def put_pieces(self, key: str, pieces: Iterator[bytes]) -> None:
        super().put_pieces(key, self._counted(pieces))

    def put_file(self, key: str, path: Path) -> None:
        self.whole += 1
        super().put_file(key, path)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.pieces.append(len(piece))
            self.uploaded.release()
            yield piece
            if self.breaks:
                raise GenericError("connection reset")


def test_the_beginning_is_uploaded_while_the_rest_is_written(tmp_path: Path) -> None:
    storage = Watched()
    with growing_files(storage, ahead=True) as files:
        file = files.open("report", tmp_path / "report")
        for _ in range(2):
            for _ in range(2):
                file.write(HALF)
            assert storage.uploaded.acquire(timeout=20)
        file.write(b"end")
        assert not storage.exists("report")
        file.close()
        files.finish()
    assert storage.get("report") == 4 * HALF + b"end"
    assert storage.pieces == [PART_BYTES, PART_BYTES, 3]
    assert storage.whole == 0


@pytest.mark.parametrize(("ahead", "size"), [(True, 1), (False, 3)])
def test_a_small_file_or_one_in_no_hurry_is_uploaded_at_its_end(
    tmp_path: Path, ahead: bool, size: int
) -> None:
    storage = Watched()
    with growing_files(storage, ahead=ahead) as files:
        file = files.open("report", tmp_path / "report")
        for _ in range(size):
            file.write(HALF)
        file.close()
        files.finish()
    assert storage.get("report") == size * HALF
    assert (storage.pieces, storage.whole) == ([], 1)


def test_an_empty_file_is_stored(tmp_path: Path) -> None:
    storage = Watched()
    with growing_files(storage, ahead=True) as files:
        files.open("report", tmp_path / "report").close()
        files.finish()
    assert storage.get("report") == b""


def test_a_broken_upload_is_repeated_from_the_first_byte(tmp_path: Path) -> None:
    storage = Watched()
    storage.breaks = True
    with growing_files(storage, ahead=True) as files:
        file = files.open("report", tmp_path / "report")
        for _ in range(5):
            file.write(HALF)
        file.close()
        files.finish()
    assert storage.get("report") == 5 * HALF
    assert storage.whole == 1


def test_a_file_may_have_its_beginning_already(tmp_path: Path) -> None:
    storage = Watched()
    (tmp_path / "report").write_bytes(2 * HALF)
    with growing_files(storage, ahead=True) as files:
        file = files.open("report", tmp_path / "report")
        file.write(b"more")
        file.close()
        files.finish()
    assert storage.get("report") == 2 * HALF + b"more"
    assert storage.whole == 0


def test_an_error_leaves_no_object_and_no_thread(tmp_path: Path) -> None:
    storage = Watched()

    def fail_halfway() -> None:
        with growing_files(storage, ahead=True) as files:
            file = files.open("report", tmp_path / "report")
            for _ in range(3):
                file.write(HALF)
            assert storage.uploaded.acquire(timeout=20)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert not storage.exists("report")
    assert [one.name for one in threading.enumerate() if one.name == "upload"] == []
