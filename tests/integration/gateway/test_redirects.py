"""Downloads and files through a redirect to a real S3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imagebatch import Client
from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import Gateway, Operator
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.seaweedfs import SeaweedFS

SECONDS = 4


@pytest.fixture(scope="module")
def gateway(make_gateway: GatewayMaker) -> Gateway:
    started = make_gateway(
        IMAGEBATCH_FILES_REDIRECT="true", IMAGEBATCH_FILES_REDIRECT_SECONDS=str(SECONDS)
    )
    started.start()
    return started


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=60, follow_redirects=True) as client:
        yield client


@pytest.fixture
def request_id(http: httpx.Client, operator: Operator, host: ImageHost) -> str:
    """A completed request with one output."""
    text = f"S. No.,Product Name,Input Image Urls\n1,Mug,{host.add('1.jpg', jpeg(size=(64, 64)))}\n"
    made: str = http.post("/api/upload", files={"file": ("p.csv", text)}).json()["requestId"]
    operator.finished(made, operator.runner(made).run_all())
    return made


def test_a_caller_who_follows_gets_the_table_from_the_store(
    http: httpx.Client, s3: SeaweedFS, request_id: str
) -> None:
    answer = http.get(f"/api/download/{request_id}")

    assert str(answer.url).startswith(f"{s3.endpoint}/{s3.bucket}/")
    assert answer.text.startswith("S. No.,Product Name,Input Image Urls,Output Image Urls")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{request_id}.csv"'
    lines = http.get(f"/api/download/{request_id}?format=jsonl").text.splitlines()
    assert len(lines) == 1


def test_range_head_and_conditions_hold_at_the_store(http: httpx.Client, request_id: str) -> None:
    (url,) = http.get(f"/api/status/{request_id}").json()["outputImageUrls"]
    image = http.get(url)
    assert image.headers["content-type"] == "image/jpeg"
    assert "immutable" in image.headers["cache-control"]
    assert image.content.startswith(b"\xff\xd8\xff")
    head = http.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(image.content))
    part = http.get(url, headers={"Range": "bytes=1-4"})
    assert (part.status_code, part.content) == (206, image.content[1:5])
    same = http.get(url, headers={"If-None-Match": image.headers["etag"]})
    assert same.status_code == 304


def test_a_url_opens_one_object_for_its_time_alone(http: httpx.Client, request_id: str) -> None:
    sent = http.get(f"/api/download/{request_id}", follow_redirects=False)
    url = sent.headers["location"]
    assert httpx.get(url).status_code == 200
    assert httpx.get(url.replace("report.csv", "report.jsonl")).status_code == 403
    assert httpx.get(url.replace(f"Expires={SECONDS}", "Expires=600")).status_code == 403
    assert httpx.put(url, content=b"x").status_code == 403
    time.sleep(SECONDS + 1)
    assert httpx.get(url).status_code == 403


def test_the_python_client_follows_the_redirect(
    gateway: Gateway, request_id: str, tmp_path: Path
) -> None:
    with Client(gateway.url) as client:
        client.download(request_id, tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_text().startswith("S. No.,")
