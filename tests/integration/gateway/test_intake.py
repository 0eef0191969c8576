"""Uploads that are refused, given up, or many at once: what they leave, and what they take."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import obstore
import pytest

from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import Cluster, Gateway
from support.seaweedfs import SeaweedFS

HEADER = b"S. No.,Product Name,Input Image Urls\n"
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
#: More than one part of a multipart upload to the store.
LARGE = 12 * 1024 * 1024


def catalogue(size: int, tag: str = "a") -> bytes:
    """A CSV of about this size; another tag is another file."""
    lines, length, number = [HEADER], len(HEADER), 0
    while length < size:
        number += 1
        line = b"%d,Product %d,https://%s.example/pictures/%d.jpg\n" % (
            number, number, tag.encode(), number,
        )  # fmt: skip
        lines.append(line)
        length += len(line)
    return b"".join(lines)


def everything(s3: SeaweedFS, cluster: Cluster) -> tuple[list[str], list[str], list[str]]:
    """The objects of the bucket, its unfinished uploads, and the batches of the cluster."""
    objects = sorted(item["path"] for item in obstore.list(s3.store()).collect())
    batches = json.loads(cluster.kubectl("get", "ib", "-o", "json"))["items"]
    return objects, s3.unfinished(), sorted(one["metadata"]["name"] for one in batches)


@pytest.fixture(scope="module")
def gateway(make_gateway: GatewayMaker) -> Gateway:
    started = make_gateway(
        IMAGEBATCH_MAX_UPLOAD_BYTES=str(2 * LARGE), IMAGEBATCH_UPLOAD_STALL_SECONDS="2"
    )
    started.start()
    return started


@pytest.fixture(scope="module")
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=120) as client:
        yield client


Upload = Callable[[httpx.Client], httpx.Response]
REFUSALS: dict[str, tuple[int, Upload]] = {
    "a broken row at its end": (
        400,
        lambda http: http.post(
            "/api/upload", files={"file": ("a.csv", catalogue(LARGE) + b'1,"open')}
        ),
    ),
    "its header": (
        400,
        lambda http: http.post(
            "/api/upload",
            files={"file": ("a.csv", catalogue(LARGE).replace(b"Input Image Urls", b"Pictures"))},
        ),
    ),
    "no header": (400, lambda http: http.post("/api/upload", files={"file": ("a.csv", b"x\n")})),
    "an option": (
        422,
        lambda http: http.post(
            "/api/upload", files={"file": ("a.csv", catalogue(LARGE))}, data={"quality": "1000"}
        ),
    ),
    "a request to reuse": (
        422,
        lambda http: http.post(
            "/api/upload", files={"file": ("a.csv", catalogue(LARGE))}, data={"reuseFrom": "none"}
        ),
    ),
    "its size": (
        413,
        lambda http: http.post("/api/upload", files={"file": ("a.csv", catalogue(3 * LARGE))}),
    ),
    "a file that is only checked": (
        200,
        lambda http: http.post("/api/validate", files={"file": ("a.csv", catalogue(LARGE))}),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_after_a_refusal_bucket_and_cluster_are_as_before(
    http: httpx.Client, s3: SeaweedFS, cluster: Cluster, name: str
) -> None:
    before = everything(s3, cluster)
    status, upload = REFUSALS[name]
    answer = upload(http)

    assert answer.status_code == status, answer.text
    assert everything(s3, cluster) == before


def opened(gateway: Gateway, length: int, *headers: bytes) -> socket.socket:
    """A connection on which an upload of this length has begun."""
    at = urlsplit(gateway.url)
    assert at.hostname
    connection = socket.create_connection((at.hostname, at.port or 80), timeout=60)
    lines = (
        b"POST /api/upload HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Content-Type: multipart/form-data; boundary=x",
        b"Content-Length: %d" % length,
        *headers,
    )
    connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
    return connection


def whole(content: bytes) -> bytes:
    return FORM + content + b"\r\n--x--\r\n"


def settled(gateway: Gateway, lines: int) -> None:
    """Wait until the gateway has logged that many uploads as ended."""
    end = time.monotonic() + 60
    while gateway.log().count('"/api/upload"') < lines:
        assert time.monotonic() < end, gateway.log()[-2000:]
        time.sleep(0.1)


def test_a_bad_header_is_refused_before_the_rest_of_the_file(
    gateway: Gateway, s3: SeaweedFS, cluster: Cluster
) -> None:
    before = everything(s3, cluster)
    body = whole(catalogue(LARGE).replace(b"Input Image Urls", b"Pictures"))
    sent = 3 * 1024 * 1024
    with opened(gateway, len(body)) as connection:
        connection.sendall(body[:sent])
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            piece = connection.recv(64 * 1024)
            assert piece, answer
            answer += piece
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"connection: close" in answer.lower()
        assert b"no column has the images' URLs" in answer
        # What the client still sends is dropped, and then the connection ends, without a reset.
        connection.sendall(body[sent:])
        assert connection.recv(1) == b""
    assert everything(s3, cluster) == before


@pytest.mark.parametrize("sent", ["half", "all"])
def test_a_client_that_goes_leaves_nothing(
    gateway: Gateway, s3: SeaweedFS, cluster: Cluster, sent: str
) -> None:
    before = everything(s3, cluster)
    ended = gateway.log().count('"/api/upload"')
    body = whole(catalogue(LARGE, "gone"))
    with opened(gateway, len(body)) as connection:
        connection.sendall(body if sent == "all" else body[: len(body) // 2])
    # One line of the access log and one of the audit log.
    settled(gateway, ended + 2)
    assert everything(s3, cluster) == before


def test_a_client_that_was_gone_finds_its_request_again_by_its_key(
    gateway: Gateway, http: httpx.Client, cluster: Cluster, s3: SeaweedFS
) -> None:
    content = catalogue(200_000, "again")
    body = whole(content)
    before = everything(s3, cluster)
    with opened(gateway, len(body), b"Idempotency-Key: lost-answer") as connection:
        connection.sendall(body)
        time.sleep(0.3)
    repeated = http.post(
        "/api/upload",
        files={"file": ("a.csv", content)},
        headers={"Idempotency-Key": "lost-answer"},
    )
    assert repeated.status_code == 200, repeated.text
    objects, unfinished, batches = everything(s3, cluster)
    assert set(batches) - set(before[2]) == {repeated.json()["requestId"]}
    assert len(set(objects) - set(before[0])) == 1
    assert unfinished == before[1]


def test_trickling_bodies_do_not_hold_out_others_and_are_given_up(
    gateway: Gateway, http: httpx.Client, s3: SeaweedFS, cluster: Cluster
) -> None:
    before = everything(s3, cluster)
    trickling = [opened(gateway, 1_000_000) for _ in range(50)]
    for connection in trickling:
        connection.sendall(FORM + HEADER)
    start = time.monotonic()
    answer = http.post("/api/validate", files={"file": ("a.csv", catalogue(20_000))})
    assert answer.status_code == 200
    assert time.monotonic() - start < 2
    for connection in trickling:
        assert b" 408 " in connection.recv(4096).partition(b"\r\n")[0]
        connection.close()
    assert everything(s3, cluster) == before


def upload_all(gateway: Gateway, sizes: list[int]) -> list[str]:
    """Upload files of these sizes at once, each with a connection of its own; the requestIds."""

    def one(numbered: tuple[int, int]) -> str:
        number, size = numbered
        with httpx.Client(base_url=gateway.url, timeout=900) as client:
            content = catalogue(size, f"at-once-{number}")
            answer = client.post("/api/upload", files={"file": ("a.csv", content)})
        assert answer.status_code == 200, answer.text
        name: str = answer.json()["requestId"]
        return name

    with ThreadPoolExecutor(len(sizes)) as pool:
        return list(pool.map(one, enumerate(sizes)))


def test_uploads_at_once_are_requests_of_their_own_and_none_is_orphaned(
    gateway: Gateway, s3: SeaweedFS, cluster: Cluster
) -> None:
    before = everything(s3, cluster)
    made = upload_all(gateway, [20_000 + 60_000 * number for number in range(24)])

    objects, unfinished, batches = everything(s3, cluster)
    assert len(set(made)) == 24
    assert set(batches) - set(before[2]) == set(made)
    keys = {key.split("/")[2] for key in set(objects) - set(before[0])}
    assert keys == set(made)
    assert unfinished == before[1]


@pytest.mark.long
def test_an_upload_of_1_gb_takes_150_mib(make_gateway: GatewayMaker) -> None:
    gateway = make_gateway(IMAGEBATCH_UPLOAD_BYTES_PER_MINUTE="0")
    gateway.start()
    upload_all(gateway, [1_000_000_000])
    print(f"peak {gateway.peak_mib():.0f} MiB")
    assert gateway.peak_mib() <= 150


@pytest.mark.long
def test_200_uploads_at_once_take_512_mib(
    make_gateway: GatewayMaker, cluster: Cluster, s3: SeaweedFS
) -> None:
    gateway = make_gateway(IMAGEBATCH_UPLOAD_BYTES_PER_MINUTE="0")
    gateway.start()
    before = everything(s3, cluster)
    sizes = [20_000 + (30_000_000 - 20_000) * number // 199 for number in range(200)]
    made = upload_all(gateway, sizes)

    objects, unfinished, batches = everything(s3, cluster)
    assert set(batches) - set(before[2]) == set(made)
    assert {key.split("/")[2] for key in set(objects) - set(before[0])} == set(made)
    assert unfinished == before[1]
    assert len(set(made)) == 200
    print(f"peak {gateway.peak_mib():.0f} MiB")
    assert gateway.peak_mib() <= 512
