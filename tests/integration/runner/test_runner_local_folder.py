"""``imagebatch-runner local FOLDER`` as a person runs it, again and again."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.pictures import decoded, encoded, jpeg, photo


class Pictures:
    """A folder of originals, and the results of running over it."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "photos"
        self.out = path / "out"
        self.folder.mkdir()

    def put(self, name: str, data: bytes | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(size=(120, 80)) if data is None else data)
        return path

    def command(self, *options: str) -> list[str]:
        start = [sys.executable, "-m", "imagebatch_runner", "local", str(self.folder)]
        return [*start, "--out", str(self.out), *options]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options), capture_output=True, text=True, timeout=120, check=False
        )

    def totals(self, *options: str) -> dict[str, Any]:
        ended = self.run("--json", *options)
        found: dict[str, Any] = json.loads(ended.stdout)
        assert found["exitCode"] == ended.returncode, ended.stderr
        return found

    def outputs(self) -> list[str]:
        images = self.out / "images"
        return sorted(p.relative_to(images).as_posix() for p in images.rglob("*") if p.is_file())

    def report(self) -> dict[str, dict[str, Any]]:
        lines = (self.out / "report.jsonl").read_text().splitlines()
        return {line["input_url"]: line for line in map(json.loads, lines)}


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path)


def test_outputs_keep_the_structure_and_the_names(pictures: Pictures) -> None:
    pictures.put("shoes/red.jpg")
    pictures.put("shoes/red, left 100%.jpeg")
    pictures.put("hats/ü.png", encoded(photo(size=(90, 60)), "PNG"))
    pictures.put("hats/notes.txt", b"no image")
    ended = pictures.run("--max-width", "50")
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert pictures.outputs() == ["hats/ü.jpg", "shoes/red, left 100%.jpeg", "shoes/red.jpg"]
    for name in pictures.outputs():
        assert decoded((pictures.out / "images" / name).read_bytes()).width == 50
    assert "not taken: 1 .txt" in ended.stderr
    with (pictures.out / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["Product Name"], r["Input Image Urls"], r["Output Image Urls"]) for r in rows] == [
        ("ü", "hats/ü.png", "images/hats/ü.jpg"),
        (
            "red, left 100%",
            "shoes/red%2C left 100%25.jpeg",
            "images/shoes/red%2C left 100%25.jpeg",
        ),
        ("red", "shoes/red.jpg", "images/shoes/red.jpg"),
    ]


def test_rerun_does_what_is_new_or_changed_and_nothing_else(pictures: Pictures) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        pictures.put(name)
    pictures.put("broken.jpg", b"<html>")
    first = pictures.totals()
    assert (first["exitCode"], first["images"], first["failures"]) == (1, 5, {"not_an_image": 1})
    kept = {name: (pictures.out / "images" / name).stat().st_mtime_ns for name in ("a.jpg",)}
    same = pictures.totals()
    assert (same["exitCode"], same["images"], same["reused"]) == (1, 5, 0)  # only shown again

    pictures.put("b.jpg", jpeg(size=(60, 40)))
    os.utime(pictures.folder / "c.jpg", ns=(1, 1))  # written again with the same bytes
    pictures.put("broken.jpg")
    (pictures.folder / "d.jpg").unlink()
    pictures.put("new.jpg")
    second = pictures.totals()
    assert (second["exitCode"], second["images"]) == (0, 5)
    assert (second["succeeded"] + second["kept"], second["reused"]) == (3, 2)
    report = pictures.report()
    assert {url for url, line in report.items() if line["status"] == "reused"} == {
        "a.jpg",
        "c.jpg",
    }
    assert report["a.jpg"]["output_url"] == "images/a.jpg"
    assert report["a.jpg"]["bytes_out"] == (pictures.out / "images" / "a.jpg").stat().st_size
    assert (pictures.out / "images" / "a.jpg").stat().st_mtime_ns == kept["a.jpg"]
    assert decoded((pictures.out / "images" / "b.jpg").read_bytes()).width == 60
    assert (pictures.out / "images" / "d.jpg").exists()  # nobody asked to delete it

    pictures.put("last.jpg")
    third = pictures.totals()
    assert (third["reused"], third["images"]) == (5, 6)
    assert len(list((pictures.out / ".imagebatch").iterdir())) <= 3


def test_output_that_was_deleted_is_made_again_with_the_next_change(pictures: Pictures) -> None:
    pictures.put("a.jpg")
    assert pictures.run().returncode == 0
    (pictures.out / "images" / "a.jpg").unlink()
    pictures.put("b.jpg")
    assert pictures.totals()["reused"] == 0
    assert pictures.outputs() == ["a.jpg", "b.jpg"]


def test_neighbour_that_comes_later_takes_no_name_away(pictures: Pictures) -> None:
    png, other = encoded(photo(size=(90, 60)), "PNG"), jpeg("coffee.png", (120, 80))
    pictures.put("a.png", png)
    assert pictures.run().returncode == 0
    assert pictures.outputs() == ["a.jpg"]
    pictures.put("a.jpg", other)
    assert pictures.totals()["reused"] == 0
    assert {url: line["output_url"] for url, line in pictures.report().items()} == {
        "a.jpg": "images/a.jpg",
        "a.png": "images/a.png.jpg",
    }
    widths = {n: decoded((pictures.out / "images" / n).read_bytes()).width for n in
              pictures.outputs()}  # fmt: skip
    assert widths == {"a.jpg": 120, "a.png.jpg": 90}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_run_goes_on_also_when_the_folder_changed_meanwhile(
    pictures: Pictures, number: signal.Signals
) -> None:
    for n in range(60):
        pictures.put(f"{n:02}.jpg", jpeg(size=(900, 600 + n)))
    env = os.environ | {"IMAGEBATCH_PART_IMAGES": "4"}
    with subprocess.Popen(
        pictures.command("--jobs", "1"),
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 60
        state = pictures.out / ".imagebatch"
        while len(list(state.glob("*/results/*/*.jsonl"))) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(process.pid, number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == (143 if number is signal.SIGINT else -number)
    if number is signal.SIGINT:
        assert "run the same command again to go on" in told
    assert not (pictures.out / "report.csv").exists()
    pictures.put("new.jpg")
    ended = pictures.totals()
    assert (ended["exitCode"], ended["images"]) == (0, 61)
    assert len(pictures.outputs()) == 61


def test_output_of_a_state_that_is_gone_again_is_not_taken_for_the_one_before(
    pictures: Pictures,
) -> None:
    changing = pictures.put("a.jpg")
    pictures.put("b.jpg")
    assert pictures.totals()["succeeded"] == 2
    output = pictures.out / "images" / "a.jpg"
    report = pictures.out / "report.jsonl"
    original, times, first = changing.read_bytes(), changing.stat(), output.read_bytes()
    recorded = report.read_bytes()
    pictures.put("a.jpg", jpeg(size=(64, 64)))
    assert pictures.totals()["succeeded"] == 1
    (second,) = (pictures.out / ".imagebatch").glob("000002-*")
    (second / "summary.json").unlink()  # as if it had been killed before it wrote its report
    report.write_bytes(recorded)
    changing.write_bytes(original)
    os.utime(changing, ns=(times.st_atime_ns, times.st_mtime_ns))
    totals = pictures.totals()
    assert (totals["succeeded"], totals["reused"]) == (1, 1)
    assert output.read_bytes() == first


def test_out_within_the_folder_is_not_read_back(pictures: Pictures) -> None:
    pictures.put("a.jpg")
    pictures.out = pictures.folder / "small"
    assert pictures.totals()["images"] == 1
    pictures.put("b.jpg")
    assert pictures.totals()["images"] == 2
    assert pictures.outputs() == ["a.jpg", "b.jpg"]


def test_without_out_the_folder_names_it(pictures: Pictures, tmp_path: Path) -> None:
    pictures.put("a.jpg")
    command = [sys.executable, "-m", "imagebatch_runner", "local", "photos/", "--quiet"]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "photos-compressed" / "images" / "a.jpg").exists()


def test_the_readmes_first_command_does_what_the_readme_shows(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    text = (root / "README.md").read_text()
    (command,) = re.findall(
        r"^\.venv/bin/(imagebatch-runner local \.venv/.*) --out out$", text, re.M
    )
    program, *arguments, pattern = command.split()
    (folder,) = root.glob(pattern)
    runner = Path(sys.executable).with_name(program)
    ended = subprocess.run(
        [str(runner), *arguments, str(folder), "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "100"},
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", ended.stderr)
    # How much is saved is the codec's business, and changes with it.
    for line in (
        "29 images",
        "│ failed            │ 1 ",
        "╰───────────────────┴─",
        "unsupported_format: 1 image\n  multipage",
    ):
        assert line in text
        assert line in shown
