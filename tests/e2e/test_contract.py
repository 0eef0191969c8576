"""Every operation of the committed OpenAPI document, on the running cluster.

The gateway signs callers in for these tests (``auth.mode: kubernetes``), so that keys and sessions
are real too. An operation without a case fails.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import pytest
from jsonschema import Draft202012Validator

from stack.gateway_client import follow
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final[dict[str, Any]] = json.loads((ROOT / "docs/reference/openapi.json").read_text())
#: operationId → method, path and description.
OPERATIONS: Final = {
    operation["operationId"]: (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
HEADER: Final = "S. No.,Product Name,Input Image Urls"
ONE: Final = f"{HEADER}\n1,Cat,{SAMPLEHOST_URL}/photos/n/1.jpg\n"
#: Two products, one of whose images does not exist.
TWO: Final = f'{ONE}2,Dog,"{SAMPLEHOST_URL}/photos/n/2.jpg,{SAMPLEHOST_URL}/missing.jpg"\n'
VERBS: Final = ("get", "list", "create", "patch", "delete")


class Shop:
    """A caller of the API, who checks each response against the document.

    ``request_id`` is a request that has completed, with an image that failed.
    """

    def __init__(self, http: httpx.Client, token: str) -> None:
        self.http = http
        self.token = token
        self.called: set[str] = set()
        self.request_id = ""
        self.request_id = self.upload(TWO, webhookUrl=f"{SAMPLEHOST_URL}/hook")
        assert follow(http, self.request_id)["status"] == "completed"

    def call(
        self,
        operation: str,
        *,
        status: int | None = None,
        query: dict[str, Any] | None = None,
        at: dict[str, str] | None = None,
        **sent: Any,
    ) -> httpx.Response:
        """Call an operation. ``at`` has the parameters of its path, beside this shop's request."""
        method, path, described = OPERATIONS[operation]
        for name, value in ({"request_id": self.request_id} | (at or {})).items():
            path = path.replace(f"{{{name}}}", quote(value))
        answer = self.http.request(method, path, params=query, **sent)
        assert str(answer.status_code) in described["responses"], answer.text
        content = described["responses"][str(answer.status_code)].get("content", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        assert media_type in content or not answer.content
        if media_type.endswith("json") and answer.content:
            schema = {**content[media_type]["schema"], "components": DOCUMENT["components"]}
            faults = [
                fault.message for fault in Draft202012Validator(schema).iter_errors(answer.json())
            ]
            assert not faults, faults
        assert answer.headers["x-request-id"]
        if status is not None:
            assert answer.status_code == status, answer.text
        else:
            assert answer.is_success, answer.text
        self.called.add(operation)
        return answer

    def items(self, operation: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(operation, query=query).json()["items"]
        return found

    def upload(self, text: str, operation: str = "upload", **options: str) -> str:
        file = {"file": ("products.csv", text.encode(), "text/csv")}
        body = self.call(operation, files=file, data=options).json()
        assert str(UUID(body["requestId"])) == body["requestId"]
        return str(body["requestId"])

    def held(self) -> str:
        """Make a request that is held once it is planned."""
        body = {"name": "held", "source": {"inline": ONE}, "suspendAfter": "Plan"}
        return str(self.call("createRequest", json=body).json()["requestId"])


def soon(found: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.2)


def mode_of(stack: Stack) -> str:
    """Return how the gateway that takes the next connection signs callers in; "" if none does."""
    try:
        return str(httpx.get(f"{stack.gateway}/api/me", timeout=10).json()["authMode"])
    except httpx.TransportError:
        return ""


@contextmanager
def signing_callers_in(stack: Stack) -> Iterator[None]:
    def switch(mode: str) -> None:
        gateway = "deployment/imagebatch-gateway"
        stack.batches("set", "env", gateway, f"IMAGEBATCH_AUTH_MODE={mode}")
        stack.batches("rollout", "status", gateway, "--timeout=120s")
        # The node may still send some connections to the pod that ends.
        soon(lambda: all(mode_of(stack) == mode for _ in range(5)), 60)

    switch("kubernetes")
    try:
        yield
    finally:
        switch("none")


@contextmanager
def somebody(stack: Stack) -> Iterator[str]:
    """A service account with all rights on requests and keys; its token."""
    name = f"contract-{secrets.token_hex(4)}"
    account = f"--serviceaccount={stack.namespace}:{name}"
    verbs = [f"--verb={verb}" for verb in VERBS]
    stack.batches("create", "serviceaccount", name)
    stack.batches("create", "role", name, *verbs, "--resource=imagebatches.imagebatch.dev")
    stack.batches("create", "role", f"{name}-keys", "--verb=update", "--resource=secrets")
    for role in (name, f"{name}-keys"):
        stack.batches("create", "rolebinding", role, f"--role={role}", account)
    try:
        yield stack.batches("create", "token", name).strip()
    finally:
        stack.batches("delete", "serviceaccount", name)
        for kind in ("rolebinding", "role"):
            stack.batches("delete", kind, name, f"{name}-keys")


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with signing_callers_in(stack), somebody(stack) as token:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=stack.gateway, headers=headers, timeout=60) as http:
            yield Shop(http, token)


def check_status(shop: Shop, operation: str) -> None:
    answer = shop.call(operation)
    body = answer.json()
    assert (body["status"], body["products"], len(body["outputImageUrls"])) == ("completed", 2, 2)
    assert body["images"]["failed"] == 1
    shop.call(operation, status=304, headers={"If-None-Match": answer.headers["etag"]})
    missing = shop.call(operation, at={"request_id": "none"}, status=404).json()
    assert missing["message"] == "Request ID not found"


def check_download(shop: Shop, operation: str) -> None:
    answer = shop.call(operation)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["Product Name"] for row in rows] == ["Cat", "Dog"]
    assert rows[1]["Output Image Urls"].endswith(",")
    assert rows[1]["Error"]
    part = shop.call(operation, status=206, headers={"Range": "bytes=0-5"})
    assert part.text == answer.text[:6]
    lines = shop.call(operation, query={"format": "jsonl"}).text.splitlines()
    assert [json.loads(line)["status"] for line in lines][2] == "failed"
    failed = shop.call(operation, query={"format": "failed"}).text
    assert failed.splitlines()[0] == HEADER
    assert "Dog" in failed
    archive = shop.call(operation, query={"format": "zip"}).content
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert len(opened.namelist()) == 2
    early = shop.call(operation, at={"request_id": shop.held()}, status=409)
    assert early.headers["retry-after"]


def check_validate(shop: Shop) -> None:
    body = shop.call("validate", files={"file": ("p.csv", TWO.encode())}).json()
    assert (body["products"], body["images"]) == (2, 3)
    refused = shop.call("validate", files={"file": ("p.csv", b"a,b\n")}, status=400).json()
    assert refused["message"] == "Invalid CSV format"


def check_create(shop: Shop) -> None:
    body = {"name": "Summer", "source": {"inline": ONE}, "output": {"format": "webp"}}
    made = shop.call("createRequest", json=body).json()["requestId"]
    (url,) = follow(shop.http, made)["outputImageUrls"]
    assert url.endswith(".webp")


def check_request(shop: Shop) -> None:
    body = shop.call("getRequest").json()
    assert (body["fileName"], body["webhookUrl"]) == ("products.csv", f"{SAMPLEHOST_URL}/hook")
    assert body["createdBy"].startswith("system:serviceaccount:")


def check_list(shop: Shop) -> None:
    soon(lambda: shop.request_id in [one["requestId"] for one in shop.items("listRequests")])
    assert len(shop.items("listRequests", limit=1)) == 1
    ended = shop.items("listRequests", status="completed", q=shop.request_id)
    assert [one["requestId"] for one in ended] == [shop.request_id]


def check_change(shop: Shop) -> None:
    at = {"request_id": shop.held()}
    assert shop.call("changeRequest", at=at, json={"parallelism": 2}).json()["parallelism"] == 2
    shop.call("changeRequest", at=at, json={"cancel": True})
    assert follow(shop.http, at["request_id"])["status"] == "cancelled"
    shop.call("changeRequest", at=at, json={"parallelism": 3}, status=409)


def check_delete(shop: Shop) -> None:
    at = {"request_id": shop.held()}
    shop.call("deleteRequest", at=at, status=204)
    soon(lambda: shop.http.delete(f"/api/requests/{at['request_id']}").status_code in (404, 409))


def check_retry(shop: Shop) -> None:
    again = shop.call("retryRequest", json={"only": "failed"}).json()["requestId"]
    body = follow(shop.http, again)
    assert (body["products"], body["images"]["total"], body["images"]["failed"]) == (2, 3, 1)


def check_webhook(shop: Shop) -> None:
    soon(lambda: bool(shop.call("getWebhook").json()["deliveredAt"]))
    body = shop.call("getWebhook").json()
    assert body["event"] == "imagebatch.completed"
    assert body["attempts"]


def check_replay(shop: Shop) -> None:
    soon(lambda: bool(shop.call("getWebhook").json()["deliveredAt"]))
    before = shop.call("replayWebhook", status=202).json()
    soon(lambda: shop.call("getWebhook").json()["deliveredAt"] != before["deliveredAt"])
    assert shop.call("getWebhook").json()["eventId"] == before["eventId"]


def check_products(shop: Shop) -> None:
    first = shop.call("listProducts", query={"limit": 1}).json()
    second = shop.http.get(first["next"]).json()
    names = [one["productName"] for one in first["items"] + second["items"]]
    assert names == ["Cat", "Dog"]


def check_images(shop: Shop) -> None:
    (failed,) = shop.items("listImages", status="failed")
    assert (failed["row"], failed["position"]) == (2, 2)
    assert len(shop.items("listImages")) == 3


def check_failures(shop: Shop) -> None:
    (one,) = shop.items("listFailures")
    assert one["count"] == 1


def check_previews(shop: Shop) -> None:
    pairs = shop.items("listPreviews")
    assert {one["row"] for one in pairs} == {1, 2}
    assert shop.http.get(pairs[0]["after"]).is_success


def check_source(shop: Shop) -> None:
    before = urlsplit(shop.items("listPreviews")[0]["before"]).path
    source = shop.call("getSource", at={"name": before.rpartition("/")[2]})
    assert source.headers["content-type"] == "image/jpeg"


def check_events(shop: Shop) -> None:
    text = shop.call("streamEvents").text
    (data,) = [line for line in text.splitlines() if line.startswith("data: ")]
    assert json.loads(data.removeprefix("data: "))["status"] == "completed"


def check_me(shop: Shop) -> None:
    body = shop.call("getMe").json()
    assert (body["kind"], body["mayWrite"], body["mayManageKeys"]) == ("user", True, True)
    assert shop.http.get("/api/me", headers={"Authorization": "Bearer x"}).status_code == 401


def check_session(shop: Shop) -> None:
    origin = {"Origin": str(shop.http.base_url).rstrip("/"), "Authorization": ""}
    begun = shop.call("signIn", json={"token": shop.token}, headers=origin)
    cookie = begun.headers["set-cookie"].partition(";")[0]
    shop.http.cookies.clear()
    with httpx.Client(base_url=shop.http.base_url, headers={"Cookie": cookie}) as browser:
        assert browser.get(f"/api/status/{shop.request_id}").status_code == 200
        assert browser.delete("/api/requests/none").status_code == 403
    shop.call("signOut", status=204, headers=origin)
    shop.http.cookies.clear()


def check_keys(shop: Shop) -> None:
    made = shop.call("createKey", json={"name": "contract", "scope": "read"}, status=201).json()
    assert made["id"] in [one["id"] for one in shop.items("listKeys")]
    key = {"Authorization": f"Bearer {made['key']}"}
    assert shop.http.get("/api/me", headers=key).json()["kind"] == "key"
    assert shop.call("upload", files={"file": ("p.csv", ONE)}, headers=key, status=403)
    shop.call("deleteKey", at={"key_id": made["id"]}, status=204)
    assert shop.http.get("/api/me", headers=key).status_code == 401


def check_file(shop: Shop) -> None:
    key = shop.items("listImages", status="succeeded")[0]["outputKey"]
    image = shop.call("getFile", at={"key": key})
    assert image.content.startswith(b"\xff\xd8\xff")
    etag = image.headers["etag"]
    shop.call("getFile", at={"key": key}, status=304, headers={"If-None-Match": etag})


CASES: Final[dict[str, Callable[[Shop], object]]] = {
    "upload": lambda shop: shop.upload(ONE),
    "uploadOlderName": lambda shop: shop.upload(ONE, "uploadOlderName"),
    "validate": check_validate,
    "getStatus": lambda shop: check_status(shop, "getStatus"),
    "getStatusOlderName": lambda shop: check_status(shop, "getStatusOlderName"),
    "download": lambda shop: check_download(shop, "download"),
    "downloadOlderName": lambda shop: check_download(shop, "downloadOlderName"),
    "listRequests": check_list,
    "createRequest": check_create,
    "getRequest": check_request,
    "changeRequest": check_change,
    "deleteRequest": check_delete,
    "retryRequest": check_retry,
    "getWebhook": check_webhook,
    "replayWebhook": check_replay,
    "listProducts": check_products,
    "listImages": check_images,
    "listFailures": check_failures,
    "listPreviews": check_previews,
    "getSource": check_source,
    "streamEvents": check_events,
    "getMe": check_me,
    "signIn": check_session,
    "signOut": check_session,
    "listKeys": check_keys,
    "createKey": check_keys,
    "deleteKey": check_keys,
    "getFile": check_file,
    "getHealth": lambda shop: shop.call("getHealth"),
    "getReadiness": lambda shop: shop.call("getReadiness"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_of_the_document_does_its_work(shop: Shop, operation: str) -> None:
    assert operation in CASES, f"{operation} of the OpenAPI document has no case here"
    shop.called.clear()
    CASES[operation](shop)

    assert operation in shop.called


def test_there_is_no_case_of_an_operation_that_is_gone() -> None:
    assert CASES.keys() <= OPERATIONS.keys()
