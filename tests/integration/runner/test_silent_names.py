"""Host names whose name server is silent, beside one that is found."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from imagebatch_core.results import ErrorCode, ImageResult
from imagebatch_core.spec import Output
from imagebatch_runner.local import run
from imagebatch_runner.local.from_csv import open_csv
from imagebatch_runner.local.run_options import RunOptions
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps import plan
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import products

#: Fewer than the requests that run at once, more than the threads that asyncio has on 2 CPUs.
SILENT = 15


def test_names_that_nobody_answers_for_hold_up_no_other(
    host: ImageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, real = Event(), socket.getaddrinfo

    def look_up(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "shop.example":
            return real("127.0.0.1", *args, **kwargs)
        found.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    host.add("a.jpg", jpeg(size=(60, 40)))
    csv = tmp_path / "products.csv"
    urls = [f"http://silent-{number}.example/a.jpg" for number in range(SILENT)]
    csv.write_text(products([*urls, f"http://shop.example:{host.port}/a.jpg"]))
    results: list[ImageResult] = []

    def on_result(result: ImageResult) -> None:
        results.append(result)
        if result.error_code is None:
            found.set()

    settings = Settings(fetch_allow="127.0.0.1", fetch_concurrency=SILENT + 1)
    batch = open_csv(csv, tmp_path / "out", RunOptions(Output(), 0, settings, {}))
    summary, done = run.run(batch, plan.plan(batch), on_result)
    assert summary is not None
    assert (done, summary.totals.failed) == (SILENT + 1, SILENT)
    assert [result.error_code for result in results] == [None, *[ErrorCode.DNS_FAILED] * SILENT]
