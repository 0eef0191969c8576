"""The main job on a real cluster: every call of the contract, every source, the webhook."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import httpx
from PIL import Image

from e2e.manifest import apply, children, condition, finished, get, manifest
from stack.gateway_client import download, follow, upload, verified_webhook
from stack.sample import FAILURES, IMAGES, PRODUCTS, sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import NAMESPACE, Stack

HEADER = "S. No.,Product Name,Input Image Urls\n"
ONE = f"{HEADER}1,Cat,{SAMPLEHOST_URL}/photos/n/1.jpg\n"


def test_an_uploaded_csv_comes_back_with_every_image_compressed(
    stack: Stack, gateway: httpx.Client, tmp_path: Path
) -> None:
    hook = f"{SAMPLEHOST_URL}/hook"
    request_id = upload(gateway, sample_csv(SAMPLEHOST_URL), webhookUrl=hook)
    status = follow(gateway, request_id)
    assert status["status"] == "completed"
    assert status["images"]["total"] == IMAGES
    assert status["images"]["failed"] == FAILURES
    assert len(status["outputImageUrls"]) == IMAGES - FAILURES
    assert status["outputImageUrlsTruncated"] is False

    images = download(gateway, request_id, tmp_path / "out")
    assert len(images) == IMAGES - FAILURES
    for path in images:
        with Image.open(path) as image:
            image.load()
            assert image.format == "JPEG"
    rows = list(csv.reader(io.StringIO((tmp_path / "out/output.csv").read_text())))
    assert rows[0] == [
        "S. No.", "Product Name", "Input Image Urls", "Output Image Urls", "Colour", "Error",
    ]  # fmt: skip
    assert len(rows) == 1 + PRODUCTS
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(1, PRODUCTS + 1)]
    assert rows[6][3] == ""
    assert "dns_failed" in rows[6][5]
    assert rows[7][3].endswith(",")
    assert "not_an_image" in rows[7][5]

    event = json.loads(verified_webhook(stack, request_id))
    assert event["type"] == "imagebatch.completed"
    assert event["data"]["requestId"] == request_id
    assert event["data"]["images"]["failed"] == FAILURES


def test_the_older_names_answer_as_the_newer_ones(stack: Stack, gateway: httpx.Client) -> None:
    answer = gateway.post("/upload", files={"file": ("p.csv", ONE.encode(), "text/csv")})
    assert answer.status_code == 200
    request_id = answer.json()["requestId"]
    early = gateway.get(f"/download/{request_id}")
    assert early.status_code in (200, 409)
    if early.status_code == 409:
        assert early.headers["Retry-After"]
        assert early.json()["message"]
    follow(gateway, request_id)
    assert gateway.get(f"/status/{request_id}").json()["status"] == "completed"
    assert (
        gateway.get(f"/download/{request_id}").text
        == gateway.get(f"/api/download/{request_id}").text
    )


def test_what_is_no_product_csv_is_refused_with_reasons(gateway: httpx.Client) -> None:
    for content in (b"a,b\n1,2\n", b"PK\x03\x04 not a csv", b""):
        answer = gateway.post("/api/upload", files={"file": ("p.csv", content, "text/csv")})
        assert answer.status_code == 400
        assert answer.json()["message"] == "Invalid CSV format"
        assert answer.json()["errors"]


def test_an_unknown_request_is_not_found(gateway: httpx.Client) -> None:
    for path in ("/api/status/", "/status/"):
        answer = gateway.get(f"{path}7b1e2a7c-0000-4000-8000-000000000000")
        assert answer.status_code == 404
        assert answer.json()["message"] == "Request ID not found"


def test_a_manifest_with_inline_source_completes_and_leaves_nothing_behind(stack: Stack) -> None:
    apply(stack, manifest("inline", source={"inline": ONE}))
    status = finished(stack, "inline")
    assert status["phase"] == "Completed"
    assert status["images"]["succeeded"] == 1
    assert condition(status, "Succeeded")["status"] == "True"
    table = stack.batches("get", "imagebatches", "inline")
    assert "Completed" in table
    uid = get(stack, "inline")["metadata"]["uid"]
    stack.batches("delete", "imagebatch", "inline")
    end = time.monotonic() + 30
    while children(stack, uid) and time.monotonic() < end:
        time.sleep(0.5)
    assert children(stack, uid) == []


def test_a_manifest_with_a_config_map_waits_for_it_and_completes(stack: Stack) -> None:
    apply(stack, manifest("from-map", source={"configMap": {"name": "shop"}}))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        conditions = get(stack, "from-map").get("status", {}).get("conditions", [])
        if any(c["reason"] == "SourceNotFound" for c in conditions):
            break
        time.sleep(0.3)
    else:
        raise AssertionError("the missing ConfigMap is not reported")
    shop = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "data": {"products.csv": ONE},
    }
    apply(stack, shop)
    assert finished(stack, "from-map")["phase"] == "Completed"


def test_a_manifest_with_an_s3_source_reads_an_upload(stack: Stack, gateway: httpx.Client) -> None:
    first = upload(gateway, ONE)
    follow(gateway, first)
    key = get(stack, first)["spec"]["source"]["s3"]["key"]
    apply(stack, manifest("from-s3", source={"s3": {"key": key}}))
    assert finished(stack, "from-s3")["phase"] == "Completed"
    # The gateway serves a batch that was applied by hand under the name it was given.
    assert gateway.get("/api/status/from-s3").json()["status"] == "completed"


def test_a_key_of_another_namespace_and_a_pod_that_is_not_allowed_are_refused(stack: Stack) -> None:
    apply(
        stack,
        manifest("foreign", source={"s3": {"key": "other/uploads/a.csv"}}),
        manifest("later", source={"inline": ONE}, runner={"priorityClassName": "high"}),
        manifest("broken", source={"inline": "a,b\n1,2\n"}),
    )
    for name, type_, reason in (
        ("foreign", "Accepted", "SourceNotAllowed"),
        ("later", "Accepted", "RunnerNotAllowed"),
        ("broken", "Succeeded", "InputRefused"),
    ):
        status = finished(stack, name)
        assert status["phase"] == "Failed"
        assert condition(status, type_)["status"] == "False"
        assert condition(status, type_)["reason"] == reason


def test_the_runner_has_no_kubernetes_token_and_no_root(stack: Stack) -> None:
    apply(stack, manifest("watched", source={"inline": ONE}))
    uid = get(stack, "watched")["metadata"]["uid"]
    end = time.monotonic() + 30
    pods: list[dict[str, object]] = []
    while not pods and time.monotonic() < end:
        label = f"imagebatch.dev/batch-uid={uid}"
        pods = json.loads(stack.batches("get", "pods", "-l", label, "-o", "json"))["items"]
    spec = json.loads(json.dumps(pods[0]["spec"]))
    assert spec["automountServiceAccountToken"] is False
    assert not [v for v in spec["volumes"] if "projected" in v]
    container = spec["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    finished(stack, "watched")
