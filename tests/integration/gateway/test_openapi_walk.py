"""Every operation of the committed OpenAPI document, called on the real gateway."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from integration.gateway.driver import Cluster

ROOT: Final = Path(__file__).parents[3]
DOCUMENT: Final[dict[str, Any]] = json.loads((ROOT / "docs/reference/openapi.json").read_text())
OPERATIONS: Final = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]
CSV: Final = "S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"
FILE: Final = {"file": ("p.csv", CSV.encode())}
#: Headers of HTTP and of browsers, which every response may have.
EVERYWHERE: Final = {
    "connection", "content-length", "content-type", "date", "transfer-encoding",
    "cache-control", "content-security-policy", "referrer-policy", "x-content-type-options",
    "x-accel-buffering",
}  # fmt: skip
#: What a call sends besides its path.
SENT: Final[dict[str, dict[str, Any]]] = {
    "post /api/upload": {"files": FILE},
    "post /upload": {"files": FILE},
    "post /api/validate": {"files": FILE},
    "post /api/requests": {"json": {"source": {"inline": CSV}}},
    "post /api/session": {"json": {"token": "guessed"}},
    "post /api/keys": {"json": {"name": "ci"}},
    "patch /api/requests/{request_id}": {"json": {"parallelism": 2}},
}


def test_the_gateway_serves_the_committed_document(http: httpx.Client) -> None:
    assert http.get("/openapi.json").json() == DOCUMENT


@pytest.mark.parametrize("known", [True, False], ids=["known id", "unknown id"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(o) for o in OPERATIONS])
def test_each_operation_answers_as_it_is_documented(
    http: httpx.Client, cluster: Cluster, *, method: str, path: str, known: bool
) -> None:
    name = re.sub(r"[^a-z0-9]+", "-", f"walk {known} {method} {path}".lower()).strip("-")
    if known and "{request_id}" in path:
        cluster.apply(name, source={"inline": CSV})
        # Ended, so that a stream of events ends too.
        cluster.set_status(name, phase="Failed")
    called = (
        path.replace("{request_id}", name).replace("{key}", "shop/none").replace("{key_id}", "none")
    )
    answer = http.request(method, called, **SENT.get(f"{method} {path}", {}))

    documented = DOCUMENT["paths"][path][method]["responses"]
    assert answer.status_code < 500
    assert str(answer.status_code) in documented, answer.text
    headers = {name.lower() for name in documented[str(answer.status_code)]["headers"]}
    assert set(answer.headers) - EVERYWHERE <= headers
    content = documented[str(answer.status_code)].get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type in content or (not content and not answer.content)
    if not known and ("{request_id}" in path or "{key}" in path):
        assert answer.status_code == 404
