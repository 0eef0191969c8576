"""Ten thousand requests: the list shows a page of them, as fast as it shows ten."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Page, expect

from hosttools.ports import free_port
from imagebatch_core import names
from integration.gateway.driver import NAMESPACE, Gateway
from support.apiserver import with_imagebatches
from support.seaweedfs import SeaweedFS

MANY = 10_000
AT_ONCE = 40
pytestmark = pytest.mark.long


def _create(kubeconfig: Path, folder: Path) -> None:
    """Make them directly at the API server, many at once; no operator runs."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    trust = ssl.create_default_context(cadata=authority)
    for name in ("client-certificate", "client-key"):
        (folder / name).write_bytes(base64.b64decode(user[f"{name}-data"]))
    trust.load_cert_chain(folder / "client-certificate", folder / "client-key")
    path = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{names.PLURAL}"
    csv = "S. No.,Product Name,Input Image Urls\n1,Mug,https://a.example/b.jpg\n"

    def make(number: int) -> None:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {
                "name": f"request-{number}",
                "annotations": {names.ANNOTATION_FILE_NAME: f"file-{number}.csv"},
            },
            "spec": {"source": {"inline": csv}},
        }
        answer = client.post(path, json=body)
        assert answer.status_code == 201, answer.text

    with (
        httpx.Client(base_url=cluster["server"], verify=trust, timeout=60) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        list(threads.map(make, range(MANY)))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("many")
    with SeaweedFS() as s3, with_imagebatches(NAMESPACE) as plane:
        _create(Path(plane.kubeconfig), folder)
        environment = {
            **s3.env(),
            "KUBECONFIG": str(plane.kubeconfig),
            "IMAGEBATCH_NAMESPACE": NAMESPACE,
        }
        started = Gateway(environment, free_port(), folder / "log")
        started.start()
        yield started
        started.stop()


def test_ten_thousand_requests_are_listed_searched_and_paged(gateway: Gateway, page: Page) -> None:
    page.goto(gateway.url, timeout=60_000)  # the first look lists them all
    rows = page.locator(".requests tbody tr")
    expect(rows).to_have_count(50)

    began = time.monotonic()
    page.reload()
    expect(rows).to_have_count(50)
    shown = time.monotonic() - began
    began = time.monotonic()
    page.get_by_label("Search by file, name or ID").fill("file-777.csv")
    expect(rows).to_have_count(1)
    found = time.monotonic() - began
    page.get_by_label("Search by file, name or ID").fill("")
    expect(rows).to_have_count(50)
    first = rows.first.get_attribute("id")
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(50)
    expect(rows.first).not_to_have_attribute("id", first or "")
    print(json.dumps({"shown": round(shown, 2), "found": round(found, 2)}))
    assert shown < 3
    assert found < 3
