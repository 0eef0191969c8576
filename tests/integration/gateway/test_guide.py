"""The program of the API guide, run as it stands there."""

from __future__ import annotations

import io
import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import httpx
import pytest

from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import Gateway, Operator
from stack.places import ROOT
from support.imagehost import ImageHost
from support.pictures import jpeg


@pytest.fixture(scope="module")
def gateway(make_gateway: GatewayMaker) -> Gateway:
    started = make_gateway(IMAGEBATCH_FILES_REDIRECT="true")
    started.start()
    return started


def program(gateway: Gateway) -> str:
    """The program, with the address of this gateway."""
    guide = (ROOT / "docs/api.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    return str(block).replace("http://127.0.0.1:8080", gateway.url)


def the_request(http: httpx.Client, running: Future[None]) -> str:
    """Wait for the request that the running program makes."""
    end = time.monotonic() + 60
    while True:
        for item in http.get("/api/requests").json()["items"]:
            if item["fileName"] == "products.csv" and item["status"] == "pending":
                return str(item["requestId"])
        if running.done():
            running.result()
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_program_of_the_guide_imports_a_catalogue(
    gateway: Gateway,
    operator: Operator,
    host: ImageHost,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, page = host.add("1.jpg", jpeg(size=(64, 64))), host.html("page")
    text = f'S. No.,Product Name,Input Image Urls\nA-1,Mug,"{good},{page}"\n'
    (tmp_path / "products.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with (
        ThreadPoolExecutor(1) as thread,
        redirect_stdout(printed),
        httpx.Client(base_url=gateway.url, timeout=60) as http,
    ):
        running = thread.submit(exec, program(gateway), {"key": "nobody-signs-in"})
        request_id = the_request(http, running)
        operator.finished(request_id, operator.runner(request_id).run_all())
        running.result(120)
        (url,) = http.get(f"/api/status/{request_id}").json()["outputImageUrls"]

    assert printed.getvalue() == f"A-1 ['{url}', None]\n"
