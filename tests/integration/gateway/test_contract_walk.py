"""The REST contract, call by call: a real API server, a real S3, the runner's real results.

Only the operator is played by the test: it runs the runner's steps and writes the status.
"""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from typing import Any

import httpx
import obstore
import pytest

from imagebatch_core.names import ANNOTATION_PAYLOAD_DIGEST
from integration.gateway.driver import NAMESPACE, Cluster, Gateway, Operator
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.seaweedfs import SeaweedFS

HEADER = "S. No.,Product Name,Input Image Urls"

#: Of no batch; the same in every process that collects these tests.
UNKNOWN = "8d648782-4316-49fa-81ab-c39f44e5a903"


def upload(
    http: httpx.Client, text: str, path: str = "/api/upload", **options: str
) -> httpx.Response:
    return http.post(path, files={"file": ("products.csv", text.encode())}, data=options)


def check_results_while_running(http: httpx.Client, request_id: str) -> Any:
    """Of the first shard's two images; returns the failures."""
    products = http.get(f"/api/products/{request_id}").json()["items"]
    assert [(p["productName"], p["status"]) for p in products] == [
        ("Mug", "completed"),
        ("Cup", "pending"),
        ("None", "processing"),
    ]
    assert products[0]["outputImageUrls"][1] is None
    recorded = http.get(f"/api/requests/{request_id}/images").json()["items"]
    assert [(i["row"], i["status"]) for i in recorded] == [(1, "succeeded"), (1, "failed")]
    running = http.get(f"/api/requests/{request_id}/failures").json()["items"]
    assert [(f["code"], f["count"]) for f in running] == [("not_an_image", 1)]
    return running


def check_results_at_the_end(
    http: httpx.Client, request_id: str, urls: list[str], failures: Any
) -> None:
    ended = http.get(f"/api/products/{request_id}?limit=2").json()
    rest = http.get(ended["next"]).json()
    items = ended["items"] + rest["items"]
    assert rest["next"] is None
    assert [p["outputImageUrls"] for p in items] == [
        [urls[0], None],
        urls[1:],
        [],
    ]
    assert {p["status"] for p in items} == {"completed"}
    assert all(p["createdAt"] <= p["updatedAt"] for p in items)
    failed = http.get(f"/api/requests/{request_id}/images?status=failed").json()["items"]
    assert [(i["row"], i["position"], i["errorCode"]) for i in failed] == [(1, 2, "not_an_image")]
    assert http.get(f"/api/requests/{request_id}/failures").json()["items"] == failures
    for url in urls:
        image = http.get(url)
        assert image.headers["content-type"] == "image/jpeg"
        assert image.content.startswith(b"\xff\xd8\xff")
        assert http.head(url).headers["content-length"] == str(len(image.content))


@pytest.mark.parametrize(
    ("upload_path", "status_path", "download_path"),
    [("/api/upload", "/api/status", "/api/download"), ("/upload", "/status", "/download")],
    ids=["api", "older names"],
)
def test_from_upload_to_output_csv_and_images(
    http: httpx.Client,
    host: ImageHost,
    cluster: Cluster,
    operator: Operator,
    *,
    upload_path: str,
    status_path: str,
    download_path: str,
) -> None:
    one, two = host.add("1.jpg", jpeg(size=(320, 240))), host.add("2.jpg", jpeg(size=(64, 64)))
    page = host.html("page")
    text = f'{HEADER},Shelf\n1,Mug,"{one},{page}",A\n2,Cup,{two},{one},B\n3,None,,C\n'

    answer = upload(http, text, upload_path, imagesPerShard="2", quality="40")
    assert answer.status_code == 200
    body = answer.json()
    request_id = body["requestId"]
    assert str(uuid.UUID(request_id)) == request_id
    assert (body["products"], body["images"]) == (3, 4)
    assert [p["line"] for p in body["rowProblems"]] == [4]
    assert cluster.get(request_id)["spec"]["output"]["quality"] == 40

    status = http.get(f"{status_path}/{request_id}").json()
    assert (status["status"], status["outputImageUrls"]) == ("pending", [])
    early = http.get(f"{download_path}/{request_id}")
    assert (early.status_code, early.headers["retry-after"]) == (409, "5")

    runner = operator.runner(request_id)
    planned = runner.run("plan").message
    assert planned is not None
    assert planned.shards == 2
    operator.started(request_id, planned)
    assert runner.run("compress", 0).code == 0
    status = http.get(f"{status_path}/{request_id}").json()
    assert status["status"] == "processing"
    images = status["images"]
    assert (images["total"], images["done"], images["failed"]) == (4, 2, 1)
    running = check_results_while_running(http, request_id)

    assert runner.run("compress", 1).code == 0
    collected = runner.run("collect").message
    assert collected is not None
    operator.finished(request_id, collected)

    answer = http.get(f"{status_path}/{request_id}")
    status = answer.json()
    assert status["status"] == "completed"
    assert (status["outputImageUrlsTruncated"], status["next"]) == (False, None)
    assert len(status["outputImageUrls"]) == 3
    assert status["images"]["failed"] == 1
    same = http.get(
        f"{status_path}/{request_id}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert same.status_code == 304

    output = http.get(f"{download_path}/{request_id}")
    assert output.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="{request_id}.csv"' in output.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(output.text, newline="")))
    assert [row["Product Name"] for row in rows] == ["Mug", "Cup", "None"]
    assert [row["Shelf"] for row in rows] == ["A", "B", "C"]
    assert rows[0]["Output Image Urls"] == status["outputImageUrls"][0] + ","
    assert "not_an_image" in rows[0]["Error"]
    assert rows[1]["Output Image Urls"] == ",".join(status["outputImageUrls"][1:])

    check_results_at_the_end(http, request_id, status["outputImageUrls"], running)

    check_the_request_stays_readable_without_its_resource(
        http, cluster, request_id, status, output.content
    )
    check_results_at_the_end(http, request_id, status["outputImageUrls"], running)


def check_the_request_stays_readable_without_its_resource(
    http: httpx.Client, cluster: Cluster, request_id: str, status: Any, output: bytes
) -> None:
    assert http.delete(f"/api/requests/{request_id}").status_code == 204
    wait_until_gone(cluster, request_id)
    kept = http.get(f"/api/requests/{request_id}").json()
    assert (kept["expired"], kept["fileName"]) == (True, "products.csv")
    same = ("status", "outputImageUrls", "images", "products", "bytes", "createdAt")
    assert {name: kept[name] for name in same} == {name: status[name] for name in same}
    assert http.get(f"/download/{request_id}").content == output
    time.sleep(2.5)  # for as long a gateway may believe an earlier listing
    items = http.get("/api/requests?limit=1000").json()["items"]
    (listed,) = [item for item in items if item["requestId"] == request_id]
    assert (listed["expired"], listed["status"]) == (True, "completed")
    again = http.delete(f"/api/requests/{request_id}")
    assert (again.status_code, again.json()["type"]) == (409, "urn:imagebatch:problem:expired")


def wait_until_gone(cluster: Cluster, name: str) -> None:
    end = time.monotonic() + 20
    while f"imagebatch.imagebatch.dev/{name}" in cluster.kubectl("get", "ib", "-o", "name"):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/api/upload", "/upload"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,price\nMug,3\n", "found 'name', 'price'"),
        (b"", "empty"),
        (b"PK\x03\x04", "save it as CSV"),
    ],
)
def test_an_invalid_csv_is_refused_with_its_reason_and_makes_nothing(
    http: httpx.Client, cluster: Cluster, path: str, content: bytes, words: str
) -> None:
    before = cluster.kubectl("get", "ib", "-o", "name")
    answer = http.post(path, files={"file": ("p.csv", content)})

    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid CSV format"
    assert words in answer.json()["errors"][0]["message"]
    assert cluster.kubectl("get", "ib", "-o", "name") == before


@pytest.mark.parametrize("call", ["/api/status", "/status", "/api/download", "/download"])
@pytest.mark.parametrize("name", [UNKNOWN, "no-such-batch", "Not_A_Name"])
def test_an_unknown_id_is_not_found(http: httpx.Client, call: str, name: str) -> None:
    answer = http.get(f"{call}/{name}")

    assert answer.status_code == 404
    assert answer.json()["message"] == "Request ID not found"


def test_a_batch_applied_by_hand_answers_to_its_own_name(
    http: httpx.Client, cluster: Cluster
) -> None:
    cluster.apply("spring-2026", source={"inline": f"{HEADER}\n1,Mug,http://a.example/b\n"})
    status = http.get("/api/status/spring-2026").json()

    assert (status["requestId"], status["status"]) == ("spring-2026", "pending")
    assert http.get("/download/spring-2026").status_code == 409


def test_a_failed_batch_without_output_says_why(http: httpx.Client, cluster: Cluster) -> None:
    cluster.apply("broken", source={"inline": "x"})
    condition = {
        "type": "Succeeded",
        "status": "False",
        "reason": "InputRefused",
        "message": "the header lacks 'Product Name'",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-24T10:00:00Z",
    }
    cluster.set_status("broken", phase="Failed", conditions=[condition])
    answer = http.get("/download/broken")

    assert answer.status_code == 409
    assert "retry-after" not in answer.headers
    assert "InputRefused: the header lacks 'Product Name'" in answer.json()["message"]
    assert http.get("/status/broken").json()["reason"] == "InputRefused"


def test_outputs_beyond_a_thousand_are_reached_page_by_page(
    http: httpx.Client, cluster: Cluster, operator: Operator
) -> None:
    # A thousand rows are enough of a report; nothing listens there, so nothing is compressed:
    # the report's lines are turned into successes afterwards.
    text = f"{HEADER}\n" + "".join(f"{n},P,http://127.0.0.1:8/{n}.jpg\n" for n in range(1, 1503))
    request_id = upload(http, text, retries="0").json()["requestId"]
    runner = operator.runner(request_id)
    runner.job["retries"] = 0
    operator.finished(request_id, runner.run_all())

    # Before anybody asks: the first page of a report that is written is remembered.
    raw = runner.get(runner.keys.report_jsonl)
    lines = [json.loads(line) for line in raw.splitlines()]
    urls = [f"http://out.example/{line['row']}.jpg" for line in lines]
    for line, url in zip(lines, urls, strict=True):
        line.update(status="succeeded", output_url=url, error_code=None)
    report = "".join(json.dumps(line) + "\n" for line in lines)
    obstore.put(runner.store, runner.keys.report_jsonl, report.encode())
    # A report never changes, so its first page is remembered: this is another one.
    report_of = {"key": runner.keys.report_csv, "sha256": "1" * 64}
    operator.reported(request_id, report_of)
    first = http.get(f"/api/status/{request_id}").json()
    second = http.get(first["next"]).json()

    assert first["outputImageUrls"] == urls[:1000]
    assert first["outputImageUrlsTruncated"] is True
    assert second["outputImageUrls"] == urls[1000:]
    assert (second["outputImageUrlsTruncated"], second["next"]) == (False, None)


def test_an_idempotency_key_is_a_lock_held_by_the_api_server(
    gateway: Gateway, http: httpx.Client, cluster: Cluster, s3: SeaweedFS
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    text = f"{HEADER}\n1,Mug,http://a.example/b.jpg\n"
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}

    def send(_: int) -> Any:
        files = {"file": ("p.csv", text.encode())}
        return httpx.post(f"{gateway.url}/api/upload", files=files, headers=key, timeout=60)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    ids = {answer.json()["requestId"] for answer in answers}

    assert [answer.status_code for answer in answers] == [200] * 8
    (request_id,) = ids
    assert ANNOTATION_PAYLOAD_DIGEST in cluster.get(request_id)["metadata"]["annotations"]
    left = obstore.list(s3.store(), f"{NAMESPACE}/uploads/{request_id}/").collect()
    assert len(left) == 1
    other = http.post(
        "/api/upload", files={"file": ("p.csv", text + "\n2,x,http://a/b")}, headers=key
    )
    assert other.status_code == 422


def test_pages_of_a_running_request_read_all_shards_over_which_its_hosts_are_spread(
    http: httpx.Client, host: ImageHost, operator: Operator
) -> None:
    with ImageHost() as other:
        urls = [
            one.add(f"{n}.jpg", jpeg(size=(40 + n, 40))) for one in (host, other) for n in range(6)
        ]
        text = f"{HEADER}\n" + "".join(f"{n},Mug,{url}\n" for n, url in enumerate(urls))
        request_id = upload(http, text, imagesPerShard="4").json()["requestId"]
        runner = operator.runner(request_id)
        planned = runner.run("plan").message
        assert planned is not None
        operator.started(request_id, planned)
        by_shard = [
            [json.loads(line)[0] for line in runner.get(key).splitlines()]
            for key in runner.list(f"{runner.keys.root}shards/")
        ]
        assert by_shard == [[1, 2, 7, 8], [3, 4, 9, 10], [5, 6, 11, 12]]
        for shard in (0, 2):
            assert runner.run("compress", shard).code == 0
    done = sorted(by_shard[0] + by_shard[2])
    path = f"/api/requests/{request_id}/images?limit=3"
    rows: list[int] = []
    while path:
        page = http.get(path).json()
        rows += [item["row"] for item in page["items"]]
        path = page["next"]
    assert rows == done
    path = f"/api/products/{request_id}?limit=5"
    products: list[dict[str, Any]] = []
    while path:
        page = http.get(path).json()
        products += page["items"]
        path = page["next"]
    assert [product["row"] for product in products] == list(range(1, 13))
    assert [p["row"] for p in products if p["status"] == "completed"] == done
