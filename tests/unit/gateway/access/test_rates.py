"""Quotas of each caller, and what is recorded of a request."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from prometheus_client.exposition import generate_latest

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway import metrics
from imagebatch_gateway.access.rates import Bucket
from imagebatch_gateway.answers.problems import Problem
from imagebatch_gateway.backends.reviews import Person
from unit.gateway.builders import CSV, NAMESPACE, FakeBatches

MakeClient = Callable[..., httpx.AsyncClient]
FILES = {"file": ("a.csv", CSV)}


def bucket(quota: int) -> tuple[Bucket, list[float]]:
    now = [0.0]
    return Bucket("uploads", quota, lambda: now[0]), now


def test_a_quota_is_used_up_and_fills_again() -> None:
    made, now = bucket(60)
    for used in range(1, 61):
        assert made.take("alice").remaining == 60 - used
    with pytest.raises(Problem) as refused:
        made.take("alice")
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    assert made.take("bob").remaining == 59
    now[0] += 1.0
    left = made.take("alice")
    assert (left.remaining, left.reset) == (0, 60)
    assert left.headers == {
        "RateLimit-Policy": '"uploads";q=60;w=60',
        "RateLimit": '"uploads";r=0;t=60',
    }


def test_a_refused_call_takes_nothing() -> None:
    made, now = bucket(60)
    made.take("alice", 60)
    for _ in range(100):
        with pytest.raises(Problem):
            made.take("alice")
    now[0] += 1
    made.take("alice")


def test_more_than_the_quota_waits_for_a_full_bucket_and_leaves_a_debt() -> None:
    made, now = bucket(60)
    assert made.take("alice", 120).remaining == 0
    now[0] += 60
    with pytest.raises(Problem):
        made.take("alice")
    now[0] += 1
    made.take("alice")


def test_a_body_without_a_length_is_counted_afterwards() -> None:
    made, now = bucket(60)
    made.charge("alice", 90)
    now[0] += 30
    with pytest.raises(Problem):
        made.take("alice")
    now[0] += 1
    made.take("alice")


def test_without_a_quota_there_is_no_limit() -> None:
    made, _ = bucket(0)
    for _ in range(1000):
        made.take("alice", 10**12)


@pytest.fixture
def http(client_of: MakeClient, batches: FakeBatches) -> httpx.AsyncClient:
    for name in ("alice", "bob"):
        batches.reviews.tokens[f"{name}s-token"] = Person(name)
        verbs = ("list", "get", "create")
        batches.reviews.allow(name, *(f"{verb} imagebatches {NAMESPACE}" for verb in verbs))
    return client_of(
        auth_mode="kubernetes",
        uploads_per_minute=2,
        upload_bytes_per_minute=5000,
        reads_per_minute=3,
    )


def of(name: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}s-token", **more}


async def test_each_caller_has_quotas_and_is_told_what_is_left(http: httpx.AsyncClient) -> None:
    for left in (2, 1, 0):
        answer = await http.get("/api/requests", headers=of("alice"))
        assert answer.status_code == 200
        assert answer.headers["RateLimit"].startswith(f'"reads";r={left};t=')
        assert answer.headers["RateLimit-Policy"] == '"reads";q=3;w=60'
    refused = await http.get("/api/requests", headers=of("alice"))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == pytest.approx(20, abs=1)
    assert refused.headers["RateLimit"].startswith('"reads";r=0')
    assert "quota of reads" in refused.json()["message"]
    assert (await http.get("/api/requests", headers=of("bob"))).status_code == 200
    assert (await http.get("/healthz")).status_code == 200


async def test_uploads_and_their_bytes_are_limited_before_the_body_is_read(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.post("/api/upload", headers=of("alice"), files=FILES)
    assert answer.status_code == 200
    assert answer.headers["RateLimit-Policy"] == '"uploads";q=2;w=60, "bytes";q=5000;w=60'

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    announced = of("alice", **{"Content-Length": "5000", "Content-Type": "text/csv"})
    refused = await http.post("/api/upload", headers=announced, content=body())
    assert refused.status_code == 429
    assert "quota of bytes" in refused.json()["message"]
    for _ in range(2):
        last = await http.post("/api/requests", headers=of("alice"), json={})
    assert last.status_code == 429
    assert "quota of uploads" in last.json()["message"]


async def test_a_request_has_an_id_which_a_caller_may_give(http: httpx.AsyncClient) -> None:
    given = await http.get("/healthz", headers={"X-Request-Id": "shop-1.2"})
    assert given.headers["X-Request-Id"] == "shop-1.2"
    for odd in ("a b", "x" * 129, "ä"):
        raw = [(b"X-Request-Id", odd.encode())]
        answer = await http.get("/api/none", headers=raw)
        assert len(answer.headers["X-Request-Id"]) == 36


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [r.__dict__ for r in caplog.records if r.name == "imagebatch_gateway.audit"]


async def test_each_write_has_an_audit_line_also_a_refused_one(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        made = await http.post("/api/upload", headers=of("alice"), files=FILES)
        await http.get("/api/requests", headers=of("alice"))
        await http.delete("/api/requests/summer", headers=of("alice"))
        await http.post("/api/upload", files=FILES)
    done, refused, unknown = audited(caplog)

    facts = ("caller", "caller_kind", "namespace", "route", "subject", "status", "outcome")
    assert [done[name] for name in facts] == [
        "alice", "user", NAMESPACE, "/api/upload", made.json()["requestId"], 200, "done",
    ]  # fmt: skip
    assert done["client"] == "127.0.0.1"
    assert done["request_id"] == made.headers["X-Request-Id"]
    assert (refused["subject"], refused["status"]) == ("summer", 403)
    assert (unknown["caller"], unknown["status"], unknown["outcome"]) == (None, 401, "refused")


async def test_no_credential_reaches_the_log(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        signed_in = await http.post("/api/session", json={"token": "alices-token"})
        cookie = signed_in.cookies["imagebatch"]
        await http.get("/api/me")
        await http.get("/api/me", headers=of("guessed"))
        await http.post("/api/session", json={"token": "guessed-token"})
        await http.post("/api/upload", files=FILES, headers={"X-Request-Id": "alices-token-2 x"})
    logged = "\n".join(f"{r.getMessage()} {r.__dict__}" for r in caplog.records)
    assert "/api/session" in logged
    for secret in ("alices-token", "guesseds-token", "guessed-token", cookie):
        assert secret not in logged


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"imagebatch_gateway_{name}", labels) or 0.0


async def test_requests_bytes_and_calls_of_the_store_are_counted(http: httpx.AsyncClient) -> None:
    labels = {"method": "POST", "route": "/api/upload", "code": "200"}
    before = counted("requests_total", **labels), counted("received_bytes_total")
    stored, reviews = (
        counted("store_calls_total", outcome="ok"),
        counted("cache_lookups_total", cache="reviews", result="hit"),
    )
    for _ in range(2):
        await http.post("/api/upload", headers=of("alice"), files=FILES)

    assert counted("requests_total", **labels) == before[0] + 2
    assert counted("received_bytes_total") > before[1] + 2 * len(CSV)
    assert counted("store_calls_total", outcome="ok") == stored + 2
    assert counted("cache_lookups_total", cache="reviews", result="hit") > reviews
    assert counted("uploads_under_way") == 0
    text = generate_latest(metrics.REGISTRY).decode()
    assert 'route="/api/upload"' in text
    assert "alice" not in text


async def test_paths_that_are_no_route_make_no_metrics_of_their_own(
    http: httpx.AsyncClient,
) -> None:
    before = counted("requests_total", method="GET", route="none", code="404")
    for number in range(5):
        await http.get(f"/guess-{number}")
    assert counted("requests_total", method="GET", route="none", code="404") == before + 5
    assert "guess-1" not in generate_latest(metrics.REGISTRY).decode()


def test_a_port_of_metrics_that_is_in_use_ends_the_start_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationRefused, match=f"IMAGEBATCH_METRICS_PORT={port}: "):
            metrics.serve("127.0.0.1", port)
