"""The command ``imagebatch`` as people use it, against the real gateway with real results."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imagebatch import Client
from integration.gateway.driver import Cluster, Gateway, Operator
from localcluster.tied import tied
from support.imagehost import ImageHost
from support.pictures import jpeg

HEADER = "S. No.,Product Name,Input Image Urls"


class Command:
    """Runs ``imagebatch`` in a folder, in a pipe."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        path = {n: os.environ[n] for n in ("PATH",) if n in os.environ}
        self._environment = {**path, "HOME": str(folder), "IMAGEBATCH_URL": url}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.start_python("-m", "imagebatch", *words)

    def start_python(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            tied(sys.executable, *words),
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, stdin: str = "", code: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(stdin, timeout=60)
        assert process.returncode == code, (words, out, err)
        self.said = err
        return out


@pytest.fixture
def imagebatch(gateway: Gateway, tmp_path: Path) -> Command:
    folder = tmp_path / "user"
    folder.mkdir()
    return Command(gateway.url, folder)


def compress(operator: Operator, request_id: str) -> None:
    runner = operator.runner(request_id)
    planned = runner.run("plan").message
    assert planned is not None
    operator.started(request_id, planned)
    assert runner.run("compress", 0).code == 0
    collected = runner.run("collect").message
    assert collected is not None
    operator.finished(request_id, collected)


def test_from_the_file_to_the_images(
    imagebatch: Command, host: ImageHost, cluster: Cluster, operator: Operator
) -> None:
    one, two = host.add("1.jpg", jpeg(size=(320, 240))), host.add("2.jpg", jpeg(size=(64, 64)))
    page = host.html("page")
    text = f'{HEADER}\n1,Mug,"{one},{page}"\n2,Cup,{two}\n3,None,\n'
    (imagebatch.folder / "products.csv").write_text(text)

    found = json.loads(imagebatch("validate", "products.csv", "--json", code=1))
    assert (found["products"], found["images"], found["rowProblemCount"]) == (3, 3, 4)
    request_id = imagebatch(
        "submit", "-", "--quality", "40", "--images-per-shard", "10", stdin=text
    ).strip()
    assert "no image URL" in imagebatch.said
    assert cluster.get(request_id)["spec"]["output"]["quality"] == 40
    assert json.loads(imagebatch("status", request_id, "--json"))["status"] == "pending"
    imagebatch("download", request_id, code=6)
    imagebatch("watch", request_id, "--timeout", "0.5", code=6)
    assert f"imagebatch watch {request_id}" in imagebatch.said

    watching = imagebatch.start("watch", request_id, "--jsonl")
    compress(operator, request_id)
    lines = watching.communicate(timeout=60)[0].splitlines()
    states = [json.loads(line)["status"] for line in lines]
    assert (states[0], states[-1], watching.returncode) == ("pending", "completed", 1)

    listed = [json.loads(line) for line in imagebatch("list", "--jsonl").splitlines()]
    assert request_id in {item["requestId"] for item in listed}
    assert imagebatch("failures", request_id).startswith("not_an_image\t1\tno\t")
    images = [json.loads(line) for line in imagebatch("images", request_id, "--jsonl").splitlines()]
    assert [(i["row"], i["status"]) for i in images] == [
        (1, "succeeded"),
        (1, "failed"),
        (2, "succeeded"),
    ]
    assert imagebatch("images", request_id, "--status", "failed", "--row", "2") == ""

    imagebatch("download", request_id)
    with (imagebatch.folder / f"{request_id}.csv").open(newline="") as file:
        assert [row["Product Name"] for row in csv.DictReader(file)] == ["Mug", "Cup", "None"]
    failed_rows = imagebatch("download", request_id, "--format", "failed", "-o", "-")
    assert failed_rows.splitlines()[1:] == [f'1,Mug,"{one},{page}"']
    check_the_images(imagebatch, request_id)


def check_the_images(imagebatch: Command, request_id: str) -> None:
    def fetch() -> tuple[int, int]:
        told = json.loads(imagebatch("download", request_id, "--images", "out", "--json"))
        return told["fetched"], told["present"]

    out = imagebatch.folder / "out"
    assert fetch() == (2, 0)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(whole) == {"1-1.jpg", "2-1.jpg"}
    (out / "1-1.jpg").write_bytes(whole["1-1.jpg"][:50])  # as after a crash of the disk
    assert fetch() == (1, 1)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole


def test_a_request_is_suspended_resumed_cancelled_and_retried(
    imagebatch: Command, cluster: Cluster
) -> None:
    (imagebatch.folder / "p.csv").write_text(f"{HEADER}\n1,Mug,http://a.example/b.jpg\n")
    request_id = imagebatch("submit", "p.csv", "--suspend-after", "Plan").strip()
    imagebatch("suspend", request_id)
    spec = cluster.get(request_id)["spec"]
    assert (spec["suspend"], spec["suspendAfter"]) == (True, "Plan")
    imagebatch("resume", request_id)
    spec = cluster.get(request_id)["spec"]
    assert (spec.get("suspend", False), spec.get("suspendAfter")) == (False, None)
    imagebatch("retry", request_id, code=2)
    assert "Retry it once it has ended" in imagebatch.said
    imagebatch("cancel", request_id)
    assert cluster.get(request_id)["spec"]["cancel"] is True


def test_the_python_examples_of_the_documentation_run(
    imagebatch: Command, host: ImageHost, cluster: Cluster, operator: Operator
) -> None:
    text = (Path(__file__).parents[3] / "docs/client.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    one, page = host.add("1.jpg", jpeg(size=(320, 240))), host.html("page")
    (imagebatch.folder / "products.csv").write_text(f'{HEADER}\n1,Mug,"{one},{page}"\n')
    before = set(cluster.kubectl("get", "ib", "-o", "name").split())
    process = imagebatch.start_python("-c", code)
    end = time.monotonic() + 60
    while not (new := set(cluster.kubectl("get", "ib", "-o", "name").split()) - before):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.5)
    compress(operator, new.pop().rpartition("/")[2])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "1 not_an_image" in out
    assert "completed 2 of 2" in out
    assert (imagebatch.folder / "compressed.csv").read_text().count("not_an_image") == 1


def test_refusals_have_their_exit_codes(imagebatch: Command) -> None:
    (imagebatch.folder / "bad.csv").write_text("name,price\nMug,3\n")
    imagebatch("submit", "bad.csv", code=2)
    assert "found 'name', 'price'" in imagebatch.said
    imagebatch("submit", "missing.csv", code=2)
    assert "missing.csv" in imagebatch.said
    imagebatch("submit", "bad.csv", "--quality", "101", code=2)
    imagebatch("status", "8d648782-4316-49fa-81ab-c39f44e5a903", code=4)
    imagebatch("--url", "http://127.0.0.1:9", "status", "r", code=7)


def test_ctrl_c_leaves_the_request_and_says_how_to_come_back(
    imagebatch: Command, cluster: Cluster
) -> None:
    (imagebatch.folder / "p.csv").write_text(f"{HEADER}\n1,Mug,http://a.example/b.jpg\n")
    process = imagebatch.start("submit", "p.csv", "--wait", "--jsonl")
    assert process.stdout is not None
    request_id = json.loads(process.stdout.readline())["requestId"]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"imagebatch watch {request_id}" in said
    assert cluster.get(request_id)["spec"]["cancel"] is False


def test_events_go_on_after_a_restart_of_the_gateway(
    gateway: Gateway, imagebatch: Command, cluster: Cluster
) -> None:
    (imagebatch.folder / "p.csv").write_text(f"{HEADER}\n1,Mug,http://a.example/b.jpg\n")
    with Client(gateway.url) as client:
        request_id = client.upload(imagebatch.folder / "p.csv").request_id
        seen: list[str] = []

        def follow() -> None:
            seen.extend(one.status.value for one in client.events(request_id))

        following = threading.Thread(target=follow)
        following.start()
        time.sleep(1)
        gateway.stop()
        cluster.set_status(request_id, phase="Cancelled")
        gateway.start()
        following.join(60)
        assert not following.is_alive()
    assert seen == ["pending", "cancelled"]


def test_each_file_of_a_folder_is_a_request(imagebatch: Command, cluster: Cluster) -> None:
    folder = imagebatch.folder / "shop"
    folder.mkdir()
    for name in ("b.csv", "a.CSV", ".c.csv", "~$d.xlsx", "notes.txt"):
        (folder / name).write_text(f"{HEADER}\n1,Mug,http://a.example/b.jpg\n")
    (folder / "bad.csv").write_text("name,price\nMug,3\n")
    lines = imagebatch("submit", "shop", "--quality", "33", code=2).splitlines()
    assert "bad.csv: Invalid CSV format" in imagebatch.said
    made = dict(reversed(line.split("\t")) for line in lines)
    assert set(made) == {"a.CSV", "b.csv"}
    for name in made.values():
        assert cluster.get(name)["spec"]["output"]["quality"] == 33


def test_local_is_the_runners_command(imagebatch: Command) -> None:
    assert "--out" in imagebatch("local", "--help")
    imagebatch("local", "missing.csv", "--out", "out", code=2)


def test_login_keeps_what_the_gateway_takes(gateway: Gateway, tmp_path: Path) -> None:
    command = Command("", tmp_path)
    command("login", gateway.url, stdin="\n")
    kept = tmp_path / ".config/imagebatch/login.json"
    assert json.loads(kept.read_text())["url"] == gateway.url
    assert "items" in json.loads(command("list", "--limit", "1", "--json"))
    command("login", gateway.url, stdin="ibk_unknown\n", code=3)
    assert json.loads(kept.read_text())["token"] is None
    command("keys", "list", code=3)
    command("logout")
    assert not kept.exists()
