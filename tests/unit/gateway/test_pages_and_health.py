from __future__ import annotations

import json
import logging
import re

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.errors import ClusterUnavailable
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import NAMESPACE, BatchBuilder, FakeBatches


async def test_health_asks_nobody(http: httpx.AsyncClient, batches: FakeBatches) -> None:
    assert (await http.get("/healthz")).status_code == 200
    assert batches.checks == 0


async def test_readiness_is_asked_once_in_a_few_seconds(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    for _ in range(3):
        assert (await http.get("/readyz")).status_code == 200
    assert batches.checks == 1


async def test_who_is_ready_names_what_does_not_answer_and_stays_in_the_service(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    batches.unready = ClusterUnavailable("the API server cannot be reached", undecided=False)
    answer = await http.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["problems"] == {"cluster": "the API server cannot be reached"}


@pytest.mark.parametrize("page", ["/", "/new", "/docs"])
async def test_pages_load_nothing_from_elsewhere(http: httpx.AsyncClient, page: str) -> None:
    answer = await http.get(page)
    links = re.findall(r'(?:src|href)="([^"]+)"', answer.text)

    assert answer.status_code == 200
    assert not [link for link in links if link.startswith(("http", "//"))]
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for link in links:
        if not link.startswith("data:"):
            assert (await http.get(f"/{link}")).status_code == 200, link


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_what_pages_load_is_named_by_its_content_and_kept_for_ever(
    http: httpx.AsyncClient, page: str
) -> None:
    text = (await http.get(page)).text
    links = re.findall(r'(?:src|href)="(?:\./)?(static/[^"]+)"', text)

    assert links
    for link in links:
        answer = await http.get(f"/{link}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"[0-9a-f]{16}", link)
        again = await http.get(f"/{link}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "name",
    [
        "page.css",
        "swagger-ui.css",
        "redoc.standalone.js",
        "../hashed_files.py",
        "%2e%2e/hashed_files.py",
        "",
    ],
)
async def test_nothing_else_of_the_folders_of_static_files_can_be_read(
    http: httpx.AsyncClient, name: str
) -> None:
    answer = await http.get(f"http://testserver/static/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


async def test_pages_run_no_script_and_the_first_one_no_style_of_their_own_text(
    http: httpx.AsyncClient,
) -> None:
    home, docs = [
        (await http.get(page)).headers["content-security-policy"] for page in ("/", "/docs")
    ]

    for policy in (home, docs):
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "frame-ancestors 'none'; base-uri 'none'" in policy
    assert "unsafe" not in home
    assert "'unsafe-inline'" in docs.partition("style-src")[2].partition(";")[0]


async def test_the_documentation_lists_every_call_of_the_contract(
    http: httpx.AsyncClient,
) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]

    assert {
        "/api/upload",
        "/upload",
        "/api/status/{request_id}",
        "/status/{request_id}",
        "/api/download/{request_id}",
        "/download/{request_id}",
    } <= set(paths)


async def test_every_reference_of_the_documentation_resolves(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert references <= set(document["components"]["schemas"])
    assert "ProblemAnswer" in references
    assert "HTTPValidationError" not in json.dumps(document)


@pytest.mark.parametrize(
    ("path", "called", "status"),
    [
        ("/api/status/{request_id}", "/api/status/none", 404),
        ("/download/{request_id}", "/download/summer-2026", 409),
        ("/api/download/{request_id}", "/api/download/gone", 410),
        ("/status/{request_id}", "/status/gone?cursor=x", 400),
        ("/api/status/{request_id}", f"/api/status/gone?cursor={'x' * 65}", 422),
        ("/files/{key}", "/files/none", 404),
    ],
)
async def test_refusals_are_documented_as_they_are_answered(
    http: httpx.AsyncClient,
    batches: FakeBatches,
    batch: BatchBuilder,
    *,
    path: str,
    called: str,
    status: int,
) -> None:
    batches.add(batch.build())
    batches.add(batch.named("gone").completed(succeeded=1).reported().build())
    document = (await http.get("/openapi.json")).json()
    answer = await http.get(called)

    documented = document["paths"][path]["get"]["responses"][str(status)]["content"]
    body = answer.json()
    examples = documented["application/problem+json"]["examples"]
    example = examples[body["type"].rpartition(":")[2]]["value"]
    assert answer.status_code == status
    assert {k: body[k] for k in ("type", "title", "status")} == {
        k: example[k] for k in ("type", "title", "status")
    }
    assert body.keys() == example.keys()


async def test_both_names_of_a_call_answer_the_same(http: httpx.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]

    for older, newer in [
        ("/upload", "/api/upload"),
        ("/status/{request_id}", "/api/status/{request_id}"),
        ("/download/{request_id}", "/api/download/{request_id}"),
    ]:
        (was,), (now,) = paths[older].values(), paths[newer].values()
        assert was["responses"] == now["responses"]
        assert was["operationId"] == f"{now['operationId']}OlderName"
    assert list(paths).index("/api/upload") < list(paths).index("/upload")


async def test_unknown_paths_and_methods_are_problems_too(http: httpx.AsyncClient) -> None:
    for answer, status in [
        (await http.get("/nowhere"), 404),
        (await http.delete("/api/upload"), 405),
    ]:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_fault_of_our_own_is_a_500_that_tells_nothing(
    http: httpx.AsyncClient, batches: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(name: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(batches, "get", broken)
    answer = await http.get("/api/status/a")

    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_a_request_is_one_line_in_the_log_without_its_query(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "imagebatch_gateway.access"):
        await http.get("/status/a?token=secret", headers={"Authorization": "Bearer secret"})
    (record,) = [r for r in caplog.records if r.name == "imagebatch_gateway.access"]
    line = vars(record)

    assert (line["method"], line["path"], line["status"]) == ("GET", "/status/a", 404)
    assert "secret" not in str(line)


async def test_probes_are_not_logged_while_they_succeed(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "imagebatch_gateway.access"):
        await http.get("/healthz")

    assert not [r for r in caplog.records if r.name == "imagebatch_gateway.access"]


async def test_without_a_configured_address_links_lead_where_the_caller_came_in(
    store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.build())
    settings = Settings(namespace=NAMESPACE, store="memory://", gateway_hosts=("here",))
    app = create_app(settings, store, batches)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here:9") as client:
        body = (await client.get("/api/status/summer-2026")).json()

    assert body["statusUrl"] == "http://here:9/api/status/summer-2026"
