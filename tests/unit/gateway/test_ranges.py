"""Ranges, heads and conditions of downloads and files, as RFC 9110 has them."""

from __future__ import annotations

from typing import Any

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.backends.objects import PIECE, Objects
from unit.gateway.builders import BatchBuilder, FakeBatches
from unit.gateway.catalogues import KEYS

CONTENT = bytes(range(256)) * 40_000  # several pieces
FILE = KEYS.image(1, 1, "ab" * 32, "jpg")
PATHS = ["/api/download/summer-2026", "/download/summer-2026", f"/files/{FILE}"]


@pytest.fixture(autouse=True)
def stored(store: MemoryStore, batches: FakeBatches, batch: BatchBuilder) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_csv, CONTENT)
    obstore.put(store, FILE, CONTENT)
    assert len(CONTENT) > 2 * PIECE


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("BYTES=1000-5999999", 1000, 6_000_000),
        (f"bytes=10-{10**15}", 10, len(CONTENT)),
        (f"bytes=-{10**15}", 0, len(CONTENT)),
    ],
)
async def test_a_range_is_answered_with_206_and_nothing_else(
    http: httpx.AsyncClient, *, path: str, asked: str, start: int, end: int
) -> None:
    answer = await http.get(path, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b"]
)
async def test_what_is_no_single_range_is_answered_with_the_whole(
    http: httpx.AsyncClient, asked: str
) -> None:
    answer = await http.get(PATHS[0], headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=-0"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_range_beyond_the_end_is_416_with_the_size(
    http: httpx.AsyncClient, path: str, asked: str
) -> None:
    answer = await http.get(path, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("path", PATHS)
async def test_if_range_sends_the_whole_when_it_has_changed(
    http: httpx.AsyncClient, path: str
) -> None:
    etag = (await http.head(path)).headers["etag"]
    same = await http.get(path, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = await http.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    weak = await http.get(path, headers={"Range": "bytes=0-9", "If-Range": f"W/{etag}"})

    assert (same.status_code, same.content) == (206, CONTENT[:10])
    assert (other.status_code, other.content) == (200, CONTENT)
    assert weak.status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_head_has_the_headers_of_the_whole_and_reads_no_content(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    whole = await http.get(path)

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("content was read")

    monkeypatch.setattr(Objects, "open", read)
    monkeypatch.setattr(Objects, "pieces", read)
    head = await http.head(path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "cache-control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_caller_has_is_304_without_content(
    http: httpx.AsyncClient, path: str, method: str
) -> None:
    etag = (await http.head(path)).headers["etag"]
    answer = await http.request(method, path, headers={"If-None-Match": f'"x", {etag}'})
    changed = await http.get(path, headers={"If-None-Match": '"x"'})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert (changed.status_code, changed.content) == (200, CONTENT)
