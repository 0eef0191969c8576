"""``imagebatch-runner local`` as a person runs it: a process, a folder, exit codes."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import obstore
import pytest

from support.imagehost import ImageHost
from support.nocsv import NO_CSV
from support.pictures import decoded, jpeg
from support.runnerbatch import products
from support.seaweedfs import SeaweedFS


class Folder:
    def __init__(self, path: Path) -> None:
        self.csv = path / "products.csv"
        self.out = path / "out"

    def command(self, *options: str) -> list[str]:
        start = [sys.executable, "-m", "imagebatch_runner", "local", str(self.csv)]
        return [*start, "--out", str(self.out), "--allow", "127.0.0.1", *options]

    def run(
        self, *options: str, cwd: str | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options), capture_output=True, text=True, timeout=120, check=False,
            cwd=cwd, env=os.environ | (env or {}),
        )  # fmt: skip

    def report(self) -> list[dict[str, object]]:
        lines = (self.out / "report.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def table(self) -> list[dict[str, str]]:
        with (self.out / "report.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_all_succeeded_is_exit_code_0(folder: Folder, host: ImageHost) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(300, 200 + n))) for n in range(5)]
    folder.csv.write_text(products(urls, 2))
    ended = folder.run("--quality", "40", "--max-width", "150")
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    outputs = ",".join(row["Output Image Urls"] for row in folder.table()).split(",")
    assert len(outputs) == 5
    for output in outputs:
        assert output.startswith("images/")
        assert decoded((folder.out / output).read_bytes()).width == 150


def test_some_failed_is_exit_code_1_and_they_are_named(folder: Folder, host: ImageHost) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg()), host.html("b.jpg")]))
    ended = folder.run()
    assert ended.returncode == 1
    assert "not_an_image: 1 image\n  http://127.0.0.1:" in ended.stderr
    assert "b.jpg: a web page, not an image (row 1, image 2)" in ended.stderr
    assert [line["status"] for line in folder.report()] == ["succeeded", "failed"]


def test_finished_folder_is_only_shown_again(folder: Folder, host: ImageHost) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg()), host.url("missing.jpg")]))
    assert folder.run().returncode == 1
    report = (folder.out / "report.csv").read_bytes()
    requests = sum(host.requests.values())
    assert folder.run().returncode == 1
    assert sum(host.requests.values()) == requests
    assert (folder.out / "report.csv").read_bytes() == report


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_run_goes_on_where_it_was(
    folder: Folder, host: ImageHost, number: signal.Signals
) -> None:
    urls = [host.slow(f"{n}.jpg", jpeg(size=(200, 100 + n)), 0.05) for n in range(120)]
    folder.csv.write_text(products(urls))
    env = os.environ | {"IMAGEBATCH_PART_IMAGES": "10", "IMAGEBATCH_FETCH_CONCURRENCY": "4"}
    with subprocess.Popen(
        folder.command(), env=env, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        end = time.monotonic() + 60
        while len(list(folder.out.glob("results/*/*.jsonl"))) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(process.pid, number)  # Ctrl-C reaches the whole group
        code = process.wait(30)
    assert code == (143 if number is not signal.SIGKILL else -number)
    assert not (folder.out / "report.csv").exists()
    assert folder.run().returncode == 0
    assert [line["input_url"] for line in folder.report()] == urls
    lost = 0 if number is not signal.SIGKILL else 10 + 64
    assert sum(host.requests.values()) <= 120 + lost


def test_csv_may_be_gzip_and_a_rerun_knows_it(folder: Folder, host: ImageHost) -> None:
    text = products([host.add("a.jpg", jpeg())]).encode()
    folder.csv = folder.csv.with_name("products.csv.gz")
    folder.csv.write_bytes(gzip.compress(text))
    command = [*folder.command()[:5], "--allow", "127.0.0.1"]
    for _ in range(2):
        ended = subprocess.run(command, check=False, cwd=folder.csv.parent)
        assert ended.returncode == 0
    assert (folder.csv.parent / "products-compressed" / "input.csv").read_bytes() == text
    assert sum(host.requests.values()) == 1
    folder.csv.write_bytes(b"\x1f\x8bno")
    refused = subprocess.run(command, check=False, capture_output=True, cwd=folder.csv.parent)
    assert refused.returncode == 2
    assert b"cannot be unpacked" in refused.stderr


def test_another_csv_or_other_options_are_refused(folder: Folder, host: ImageHost) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg())]))
    assert folder.run().returncode == 0
    other = folder.run("--quality", "60")
    assert (other.returncode, "choose another --out" in other.stderr) == (2, True)
    folder.csv.write_text(products([host.url("b.jpg")]))
    changed = folder.run()
    assert (changed.returncode, "choose another --out" in changed.stderr) == (2, True)


def test_folder_of_somebody_else_is_left_alone(folder: Folder) -> None:
    folder.csv.write_text(products(["http://127.0.0.1:2/a"]))
    folder.out.mkdir()
    (folder.out / "report.csv").write_text("mine")
    assert folder.run().returncode == 2
    assert (folder.out / "report.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "kind", ["xlsx", "xls", "ods", "numbers", "zip", "pdf", "JSON", "web page"]
)
def test_file_that_is_no_csv_gets_advice(folder: Folder, kind: str) -> None:
    content, words = NO_CSV[kind]
    folder.csv.write_bytes(content)
    ended = folder.run()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("refused: ")
    assert words in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n"])
def test_input_that_is_no_such_csv_is_exit_code_2(folder: Folder, text: str) -> None:
    folder.csv.write_text(text)
    ended = folder.run()
    assert ended.returncode == 2
    assert ended.stderr.startswith("refused: ")


def test_missing_file_and_wrong_option_are_exit_code_2(folder: Folder) -> None:
    assert "no such file" in folder.run().stderr
    assert folder.run().returncode == 2
    assert folder.run("--quality", "0").returncode == 2
    folder.csv.write_text(products(["http://127.0.0.1:2/a"]))
    loud = folder.run(env={"IMAGEBATCH_LOG_LEVEL": "loud"})
    assert (loud.returncode, loud.stderr.startswith("refused: IMAGEBATCH_LOG_LEVEL")) == (2, True)
    wrong = folder.run("--allow", "10.0.0.0/99")
    assert (wrong.returncode, "IMAGEBATCH_FETCH_ALLOW" in wrong.stderr) == (2, True)


def test_csv_may_name_files_beside_it(folder: Folder, host: ImageHost) -> None:
    pictures = folder.csv.parent / "my pictures"
    pictures.mkdir()
    names = ["a.jpg", "b, left.jpg", "100%.jpg"]
    for name in names:
        (pictures / name).write_bytes(jpeg(size=(60, 40)))
    os.mkfifo(folder.csv.parent / "fifo")
    urls = [
        "my pictures/a.jpg",
        "my pictures/b%2C left.jpg",
        "./my pictures/100%25.jpg",
        str(pictures / "a.jpg"),
        f"file://{pictures}/a.jpg",
        f"file://localhost{pictures}/a.jpg",
        host.add("c.jpg", jpeg()),
        "my pictures/missing.jpg",
        "fifo",
        "my pictures",
        f"file://elsewhere{pictures}/a.jpg",
    ]
    folder.csv.write_text(products(urls))
    ended = folder.run(cwd="/")
    codes = [line["error_code"] for line in folder.report()]
    assert codes == [None] * 7 + ["file_unreadable"] * 3 + ["invalid_url"]
    assert "my pictures/missing.jpg: No such file" in ended.stderr
    assert [line["http_status"] for line in folder.report()] == [None] * 6 + [200] + [None] * 4


def test_failures_are_grouped_and_the_first_of_them_listed(folder: Folder, host: ImageHost) -> None:
    urls = [*(host.html(f"{n}.jpg") for n in range(5)), "missing.jpg"]
    folder.csv.write_text(products(urls))
    told = folder.run().stderr.splitlines()
    at = told.index("not_an_image: 5 images")
    assert [line.partition(": ")[0] for line in told[at + 1 : at + 4]] == [
        f"  {url}" for url in urls[:3]
    ]
    assert told[at + 4] == "  … and 2 more in the report"
    assert told[at + 5] == "file_unreadable: 1 image"
    assert told[-1] == f"to try these again: another --out, and --reuse-from {folder.out}"


def test_totals_as_json_for_scripts(folder: Folder, host: ImageHost) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg()), "www.example.com/a.jpg"]))
    ended = folder.run("--json", "--quiet")
    assert ended.stderr == ""
    found = json.loads(ended.stdout)
    assert found["seconds"] > 0
    assert {name: found[name] for name in ("exitCode", "images", "succeeded", "failures")} == {
        "exitCode": 1,
        "images": 2,
        "succeeded": 1,
        "failures": {"file_unreadable": 1},
    }
    assert Path(found["report"]).exists()
    assert "starts with https://" in str(folder.report()[1]["error_message"])
    refused = folder.run("--json", "--quality", "60")
    assert json.loads(refused.stdout)["exitCode"] == refused.returncode == 2


def test_without_a_terminal_there_is_no_bar_and_quiet_says_nothing(
    folder: Folder, host: ImageHost
) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg())]))
    ended = folder.run()
    assert not {"\r", "\x1b", "━"} & set(ended.stderr)
    assert ended.stderr.startswith("1 image\n")
    folder.out = folder.out.with_name("other")
    assert folder.run("--quiet").stderr == ""


def test_bar_on_a_terminal_and_an_interruption_that_tells_how_to_go_on(
    folder: Folder, host: ImageHost
) -> None:
    folder.csv.write_text(products([host.slow(f"{n}.jpg", jpeg(), 0.3) for n in range(200)]))
    main, terminal = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        folder.command(), stderr=terminal, env=env, start_new_session=True
    ) as process:
        os.close(terminal)
        shown = _read_until(main, b" saved")
        os.kill(process.pid, signal.SIGINT)
        shown += _read_until(main, None)
        assert process.wait(60) == 143
    os.close(main)
    assert b"compressing" in shown
    assert b"stopping: " in shown
    assert b"run the same command again to go on" in shown


def _read_until(terminal: int, wanted: bytes | None) -> bytes:
    """What a process shows, until ``wanted`` is in it, else until its end."""
    shown = b""
    while wanted is None or wanted not in shown:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # how Linux tells that the other side is closed
            break
    return shown


def test_version_is_told() -> None:
    command = [sys.executable, "-m", "imagebatch_runner", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    first, second = ended.stdout.splitlines()
    assert first == f"imagebatch-runner {version('imagebatch-runner')}"
    assert second == "native JPEG library: yes"


def test_image_in_s3_is_read_when_it_is_allowed(folder: Folder, s3: SeaweedFS) -> None:
    obstore.put(s3.make_bucket("local-images"), "a.jpg", jpeg())
    folder.csv.write_text(products(["s3://local-images/a.jpg"]))
    closed = folder.run(env=s3.env())
    assert (closed.returncode, "address_refused" in closed.stderr) == (1, True)
    folder.out = folder.out.with_name("other")
    assert folder.run("--s3-allow", "local-images", env=s3.env()).returncode == 0


def test_private_hosts_are_closed_unless_allowed(folder: Folder, host: ImageHost) -> None:
    folder.csv.write_text(products([host.add("a.jpg", jpeg())]))
    ended = folder.run("--allow", "")
    assert ended.returncode == 1
    assert "address_refused" in ended.stderr
    assert not host.requests


def test_unchanged_images_are_taken_over_from_another_folder_as_links(
    folder: Folder, host: ImageHost, tmp_path: Path
) -> None:
    urls = [host.validated(f"{n}.jpg", jpeg(size=(200, 100 + n)), etag=f'"{n}"') for n in range(4)]
    folder.csv.write_text(products(urls))
    assert folder.run().returncode == 0
    host.validated("2.jpg", jpeg(size=(220, 90)), etag='"new"')
    host.forget()
    first, folder.out = folder.out, tmp_path / "second"
    ended = folder.run("--reuse-from", str(first))
    assert ended.returncode == 0, ended.stderr
    assert "4 of 4 images have an earlier output" in ended.stderr
    statuses = [line["status"] for line in folder.report()]
    assert statuses == ["reused", "reused", "succeeded", "reused"]
    assert (host.statuses[304], host.statuses[200]) == (3, 1)
    output = folder.out / str(folder.report()[0]["output_key"])
    assert output.stat().st_nlink == 2
    shutil.rmtree(first)
    assert decoded(output.read_bytes()).size == (200, 100)


def test_a_run_that_goes_on_keeps_the_folder_that_it_began_with(
    folder: Folder, host: ImageHost, tmp_path: Path
) -> None:
    urls = [host.validated(f"{n}.jpg", jpeg(size=(200, 100 + n)), etag=f'"{n}"') for n in range(4)]
    folder.csv.write_text(products(urls))
    assert folder.run().returncode == 0
    first, folder.out = folder.out, tmp_path / "second"
    assert folder.run("--reuse-from", str(first)).returncode == 0
    for name in ("summary.json", "report.csv", "report.jsonl"):
        (folder.out / name).unlink()
    shutil.rmtree(folder.out / "results")  # as if it had been killed before its first part
    assert folder.run().returncode == 0
    assert [line["status"] for line in folder.report()] == ["reused"] * 4
    other = folder.run("--reuse-from", str(tmp_path))
    assert (other.returncode, "begun with another --reuse-from" in other.stderr) == (2, True)


def test_a_folder_that_cannot_be_reused_is_refused(folder: Folder, tmp_path: Path) -> None:
    folder.csv.write_text(products(["http://127.0.0.1:2/a"]))
    nothing = folder.run("--reuse-from", str(tmp_path))
    assert (nothing.returncode, "holds no earlier run" in nothing.stderr) == (2, True)
    itself = folder.run("--reuse-from", str(folder.out))
    assert (itself.returncode, "cannot be reused in itself" in itself.stderr) == (2, True)
