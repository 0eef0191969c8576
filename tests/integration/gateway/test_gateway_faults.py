"""What the gateway does when the cluster or the store refuses, stands still or is away."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import httpx
import obstore
import pytest

from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.backends.objects import PIECE
from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import NAMESPACE, Cluster, Gateway
from support.seaweedfs import SeaweedFS

CSV = b"S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-webp}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [imagebatch.dev], apiVersions: [v1alpha1], operations: [CREATE],
       resources: [imagebatches]}
  validations:
  - {expression: "object.spec.output.format != 'webp'", message: "webp is not allowed here"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-webp}
spec: {policyName: no-webp, validationActions: [Deny]}
"""


def upload(http: httpx.Client, **options: str) -> httpx.Response:
    return http.post("/api/upload", files={"file": ("p.csv", CSV)}, data=options)


def uploads(s3: SeaweedFS) -> set[str]:
    return {item["path"] for item in obstore.list(s3.store(), f"{NAMESPACE}/uploads/").collect()}


def test_what_a_policy_of_the_cluster_refuses_is_told_and_leaves_no_object(
    http: httpx.Client, cluster: Cluster, s3: SeaweedFS
) -> None:
    before = uploads(s3)
    cluster.plane.kubectl("apply", "-f", "-", stdin=POLICY)
    try:
        end = time.monotonic() + 30
        # The API server takes up a policy some moments after it is stored.
        while (answer := upload(http, format="webp")).status_code == 200:
            before = uploads(s3)
            assert time.monotonic() < end
            time.sleep(0.5)
    finally:
        cluster.plane.kubectl("delete", "-f", "-", stdin=POLICY)

    assert answer.status_code == 422
    assert "webp is not allowed here" in answer.json()["message"]
    assert uploads(s3) == before


def test_a_used_up_quota_is_told_with_retry_after(
    http: httpx.Client, cluster: Cluster, s3: SeaweedFS
) -> None:
    counted = "count/imagebatches.imagebatch.dev"
    cluster.kubectl("create", "quota", "none", f"--hard={counted}=0")
    # Without a controller manager nobody fills in what is used.
    status = {"status": {"hard": {counted: "0"}, "used": {counted: "0"}}}
    cluster.kubectl(
        "patch", "quota", "none", "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    before = uploads(s3)
    try:
        answer = upload(http)
    finally:
        cluster.kubectl("delete", "quota", "none")

    assert answer.status_code == 429
    assert "exceeded quota" in answer.json()["message"]
    assert uploads(s3) == before


def test_without_its_permissions_the_gateway_says_so(
    make_gateway: GatewayMaker, cluster: Cluster, s3: SeaweedFS, tmp_path: Path
) -> None:
    config = json.loads(cluster.plane.kubectl("config", "view", "--raw", "-o", "json"))
    cluster.kubectl("create", "serviceaccount", "powerless")
    token = cluster.kubectl("create", "token", "powerless").strip()
    config["users"][0]["user"] = {"token": token}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    gateway = make_gateway(KUBECONFIG=str(path))
    gateway.start(ready=False)
    before = uploads(s3)
    with httpx.Client(base_url=gateway.url, timeout=60) as http:
        answer = upload(http)
        readiness = http.get("/readyz")

    assert answer.status_code == 503
    assert "lacks a permission" in answer.json()["message"]
    assert readiness.status_code == 200
    assert list(readiness.json()["problems"]) == ["cluster"]
    assert uploads(s3) == before


def test_an_api_server_that_is_away_is_503_and_leaves_no_object(
    make_gateway: GatewayMaker, cluster: Cluster, s3: SeaweedFS, tmp_path: Path
) -> None:
    config = json.loads(cluster.plane.kubectl("config", "view", "--raw", "-o", "json"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    gateway = make_gateway(KUBECONFIG=str(path))
    gateway.start(ready=False)
    before = uploads(s3)
    with httpx.Client(base_url=gateway.url, timeout=60) as http:
        answer = upload(http)
        status = http.get("/api/status/some-batch")

    assert (answer.status_code, status.status_code) == (503, 503)
    assert "cannot be reached" in answer.json()["message"]
    assert "retry-after" in answer.headers
    assert uploads(s3) == before


def test_a_store_that_refuses_makes_no_batch_and_is_told_without_its_secrets(
    make_gateway: GatewayMaker, cluster: Cluster
) -> None:
    gateway = make_gateway(AWS_SECRET_ACCESS_KEY="wrong-key")
    gateway.start(ready=False)
    before = cluster.kubectl("get", "ib", "-o", "name")
    with httpx.Client(base_url=gateway.url, timeout=120) as http:
        answer = upload(http)
        readiness = http.get("/readyz")

    assert answer.status_code == 503
    assert "object store" in answer.json()["message"]
    assert list(readiness.json()["problems"]) == ["store"]
    assert cluster.kubectl("get", "ib", "-o", "name") == before
    assert "wrong-key" not in gateway.log()
    assert "StoreUnavailable" in gateway.log()


def test_a_missing_bucket_is_told_by_readiness(make_gateway: GatewayMaker) -> None:
    gateway = make_gateway(IMAGEBATCH_STORE="s3://no-such-bucket")
    gateway.start(ready=False)

    assert list(httpx.get(f"{gateway.url}/readyz", timeout=60).json()["problems"]) == ["store"]


def test_a_store_that_stands_still_leaves_the_gateway_ready_and_the_status_answered(
    make_gateway: GatewayMaker, cluster: Cluster, s3: SeaweedFS
) -> None:
    gateway = make_gateway()
    gateway.start()
    with httpx.Client(base_url=gateway.url, timeout=60) as http:
        name = upload(http).json()["requestId"]
        cluster.set_status(name, phase="Processing", images={"total": 7, "done": 3})
        s3.pause()
        try:
            time.sleep(3.5)
            ready = http.get("/readyz")
            began = time.monotonic()
            status = http.get(f"/api/status/{name}")
            took = time.monotonic() - began
        finally:
            s3.resume()
        time.sleep(3.5)
        healed = http.get("/readyz").json()

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert list(ready.json()["problems"]) == ["store"]
    assert (status.status_code, status.json()["images"]["done"]) == (200, 3)
    assert "object store does not answer" in status.json()["note"]
    assert took < 5
    assert healed == {"status": "ok", "problems": {}}


def test_a_termination_lets_the_running_upload_finish(make_gateway: GatewayMaker) -> None:
    gateway = make_gateway()
    gateway.start()
    begun = threading.Event()

    def slow() -> object:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\n\r\n'
        begun.set()
        for line in CSV.splitlines(keepends=True):
            time.sleep(0.7)
            yield line
        yield b"\r\n--b--\r\n"

    answers: list[httpx.Response] = []

    def send() -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        url = f"{gateway.url}/api/upload"
        answers.append(httpx.post(url, content=slow(), headers=headers, timeout=60))  # type: ignore[arg-type] # a generator

    sender = threading.Thread(target=send)
    sender.start()
    begun.wait(10)
    code = gateway.terminate()
    sender.join(30)

    assert [answer.status_code for answer in answers] == [200]
    assert code in (0, -signal.SIGTERM)


def test_the_log_has_one_json_line_for_each_request(gateway: Gateway, http: httpx.Client) -> None:
    http.get("/status/logged?cursor=secret")
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    (line,) = [entry for entry in lines if entry.get("path") == "/status/logged"]

    assert (line["method"], line["status"]) == ("GET", 404)
    assert "secret" not in gateway.log()


def test_a_large_output_csv_arrives_whole(
    http: httpx.Client, s3: SeaweedFS, cluster: Cluster
) -> None:
    request_id = upload(http).json()["requestId"]
    uid = cluster.get(request_id)["metadata"]["uid"]
    keys = BatchKeys.of(NAMESPACE, uid)
    content = b"".join(b"%d,Product,,\r\n" % n for n in range(900_000))
    obstore.put(s3.store(), keys.report_csv, content)
    report = {"key": keys.report_csv, "sha256": "0" * 64}
    cluster.set_status(request_id, phase="Completed", report=report)
    answer = http.get(f"/download/{request_id}")

    assert len(content) > 3 * PIECE
    assert answer.headers["content-length"] == str(len(content))
    assert answer.content == content


@pytest.mark.parametrize("megabytes", [30])
def test_a_large_upload_streams_through(
    http: httpx.Client, s3: SeaweedFS, cluster: Cluster, megabytes: int
) -> None:
    row = b'%d,Product,"https://images.example.com/catalogue/%d/front.jpg"\n'
    body = CSV.splitlines(keepends=True)[0] + b"".join(
        row % (n, n) for n in range(megabytes * 1024 * 1024 // 70)
    )
    answer = http.post("/api/upload", files={"file": ("p.csv", body)})

    assert answer.status_code == 200
    key = cluster.get(answer.json()["requestId"])["spec"]["source"]["s3"]["key"]
    assert bytes(obstore.get(s3.store(), key).bytes()) == body
