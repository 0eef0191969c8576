"""Two replicas of the gateway tell the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import Gateway, Operator
from support.imagehost import ImageHost
from support.pictures import jpeg

HEADER = "S. No.,Product Name,Input Image Urls"
EXTERNAL = "https://images.example"


@pytest.fixture(scope="module")
def gateway(make_gateway: GatewayMaker) -> Gateway:
    started = make_gateway(IMAGEBATCH_GATEWAY_URL=EXTERNAL)
    started.start()
    return started


@pytest.fixture(scope="module")
def replicas(make_gateway: GatewayMaker, gateway: Gateway) -> Iterator[list[httpx.Client]]:
    second = make_gateway(IMAGEBATCH_GATEWAY_URL=EXTERNAL)
    second.start()
    clients = [httpx.Client(base_url=one.url, timeout=60) for one in (gateway, second)]
    # Both have a watch of the resources before anything changes.
    for client in clients:
        client.get("/api/requests")
    yield clients
    for client in clients:
        client.close()


def same(replicas: list[httpx.Client], path: str, seconds: float = 30) -> Any:
    """Wait until both replicas answer a call with the same body; the body.

    A watch may be a moment behind, and what pods have recorded is read at most every 2 s.
    """
    end = time.monotonic() + seconds
    while True:
        first, second = (client.get(path) for client in replicas)
        assert (first.status_code, second.status_code) == (200, 200)
        if first.content == second.content:
            return first.json()
        assert time.monotonic() < end, (first.text, second.text)
        time.sleep(0.2)


def until(
    replicas: list[httpx.Client], path: str, found: Callable[[Any], bool], seconds: float = 30
) -> Any:
    """Wait until both replicas tell the same, and it is what is waited for."""
    end = time.monotonic() + seconds
    while not found(body := same(replicas, path)):
        assert time.monotonic() < end, body
        time.sleep(0.2)
    return body


def test_two_replicas_tell_the_same_from_upload_to_end(
    replicas: list[httpx.Client], operator: Operator, host: ImageHost
) -> None:
    one, two = replicas
    urls = [host.add(f"{n}.jpg", jpeg(size=(64, 64))) for n in range(4)]
    text = f"{HEADER}\n" + "".join(f"{n},Mug,{url}\n" for n, url in enumerate(urls))
    made = one.post(
        "/api/upload", files={"file": ("p.csv", text)}, data={"imagesPerShard": "2"}
    ).json()["requestId"]
    # The other replica knows the request at once, whether or not its watch does.
    assert two.get(f"/api/status/{made}").json()["status"] == "pending"
    assert two.get(f"/api/download/{made}").status_code == 409

    runner = operator.runner(made)
    planned = runner.run("plan").message
    assert planned is not None
    operator.started(made, planned)
    assert runner.run("compress", 0).code == 0
    status = f"/api/requests/{made}"
    until(replicas, status, lambda body: body["images"]["done"] == 2)
    assert len(same(replicas, f"{status}/images")["items"]) == 2

    assert runner.run("compress", 1).code == 0
    collected = runner.run("collect").message
    assert collected is not None
    operator.finished(made, collected)
    ended = until(replicas, status, lambda body: body["status"] == "completed")
    assert ended["statusUrl"] == f"{EXTERNAL}/api/status/{made}"
    tags = {client.get(f"/api/status/{made}").headers["etag"] for client in replicas}
    assert len(tags) == 1
    assert one.get(f"/api/download/{made}").content == two.get(f"/api/download/{made}").content

    # A page of one replica goes on at the other.
    page = one.get(f"/api/products/{made}?limit=3").json()
    rest = two.get(page["next"].removeprefix(EXTERNAL)).json()
    assert [item["row"] for item in page["items"] + rest["items"]] == [1, 2, 3, 4]
    assert made in [item["requestId"] for item in same(replicas, "/api/requests")["items"]]
