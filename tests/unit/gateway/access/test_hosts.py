"""The names under which the gateway is called, and what proxies say about a request."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.app import create_app
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import NAMESPACE, BatchBuilder, FakeBatches

MakeClient = Callable[..., httpx.AsyncClient]


@pytest.mark.parametrize(
    "host",
    [
        "images.example",
        "IMAGES.example:443",
        "images.example.",
        "inside.example",
        "imagebatch-gateway",
        f"imagebatch-gateway.{NAMESPACE}",
        f"imagebatch-gateway.{NAMESPACE}.svc:80",
        f"imagebatch-gateway.{NAMESPACE}.svc.cluster.local",
        "127.0.0.1:8080",
        "10.1.2.3",
        "[::1]:8080",
        "localhost:8080",
        "images.localhost",
    ],
)
async def test_the_gateways_own_names_and_addresses_pass(client_of: MakeClient, host: str) -> None:
    http = client_of(gateway_url="https://images.example/", gateway_hosts=("inside.example",))
    assert (await http.get("/api/requests", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "images.example.evil.example",
        f"imagebatch-gateway.{NAMESPACE}.svc.evil.example",
        "imagebatch-gateway.bakery.svc",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "a b",
    ],
)
async def test_a_rebinding_name_reads_nothing(client_of: MakeClient, host: str) -> None:
    http = client_of(gateway_url="https://images.example")
    answer = await http.get("/api/requests", headers={"Host": host})

    assert answer.status_code == 421
    assert "gateway.hosts" in answer.json()["message"]
    assert (await http.post("/api/requests", headers={"Host": host}, json={})).status_code == 421
    assert (await http.get("/", headers={"Host": host})).status_code == 421
    assert (await http.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.fixture
def status_by(
    settings: Settings, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> Callable[..., Any]:
    batches.add(batch.build())
    proxies = (ip_network("10.0.0.0/8"), ip_network("192.0.2.1"))
    changed = {"trusted_proxies": proxies, "gateway_url": None, "gateway_hosts": ("a.example",)}
    app = create_app(settings.model_copy(update=changed), store, batches)

    async def call(peer: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 123))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.9.9.9") as http:
            return await http.get(
                "/api/status/summer-2026",
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )

    return call


FORWARDED = {
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "a.example",
    "X_Forwarded_For": "6.6.6.6, 203.0.113.9, 10.1.1.1",
}


@pytest.mark.parametrize(
    ("peer", "link", "client"),
    [
        ("10.2.3.4", "https://a.example/api/", "203.0.113.9"),
        ("192.0.2.1", "https://a.example/api/", "203.0.113.9"),
        ("203.0.113.1", "http://10.9.9.9/api/", "203.0.113.1"),
        ("127.0.0.1", "http://10.9.9.9/api/", "127.0.0.1"),
    ],
)
async def test_what_is_forwarded_is_believed_of_configured_proxies_only(
    status_by: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    *,
    peer: str,
    link: str,
    client: str,
) -> None:
    with caplog.at_level(logging.INFO, "imagebatch_gateway.access"):
        answer = await status_by(peer, **FORWARDED)

    assert answer.json()["statusUrl"].startswith(link)
    (line,) = [r for r in caplog.records if r.name == "imagebatch_gateway.access"]
    assert line.__dict__["client"] == client


async def test_a_forwarded_host_must_be_a_name_of_the_gateway(
    status_by: Callable[..., Any],
) -> None:
    answer = await status_by("10.0.0.1", X_Forwarded_Host="evil.example")
    assert answer.status_code == 421
    assert "evil.example" in json.dumps(answer.json())
