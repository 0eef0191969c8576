"""No space, or a file system that cannot be written: told as such, nothing half taken as whole."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from imagebatch_core.reasons import Reason
from support.imagehost import ImageHost
from support.mountspace import MountSpace
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]


def tiny(path: Path, size: str) -> str:
    return f"mkdir -p {path} && mount -t tmpfs -o size={size} tmpfs {path}"


def grow(space: MountSpace, path: Path) -> None:
    space.run("mount", "-o", "remount,size=64m", str(path))


def photos(host: ImageHost, count: int) -> list[str]:
    return [host.add(f"{n}.jpg", jpeg(size=(400, 300 + n))) for n in range(count)]


def assert_whole(images: Path) -> int:
    """Every stored image is what its name says; how many there are."""
    found = [path for path in images.iterdir() if path.suffix == ".jpg"]
    for path in found:
        assert sha256(path.read_bytes()).hexdigest() == path.stem.rpartition("-")[2]
    return len(found)


def test_local_run_on_a_full_disk_is_refused_and_goes_on_when_there_is_space(
    host: ImageHost, tmp_path: Path
) -> None:
    table, out = tmp_path / "products.csv", tmp_path / "out"
    table.write_text(products(photos(host, 40)))
    command = [sys.executable, "-m", "imagebatch_runner", "local", str(table), "--out", str(out)]
    with MountSpace(tiny(out, "400k")) as space:

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*space.enter, "env", "IMAGEBATCH_PART_IMAGES=4", *command, "--allow", "127.0.0.1"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        full = run()
        assert full.returncode == 2, full.stderr
        assert "no space is left" in full.stderr
        assert "Traceback" not in full.stderr
        there = space.path(out)
        assert not (there / "report.csv").exists()
        assert not (there / "summary.json").exists()
        done = assert_whole(there / "images")
        assert 0 < done < 40
        before = host.requests.total()
        grow(space, out)
        ended = run()
        assert ended.returncode == 0, ended.stderr
        assert assert_whole(there / "images") == 40
        assert host.requests.total() - before <= 40 - done + 4
        assert len((there / "report.jsonl").read_text().splitlines()) == 40


def in_folder(batch: Build, host: ImageHost, store: Path, *, patience: int) -> RunnerBatch:
    """40 images in two shards, stored in a folder; ``patience`` in seconds."""
    built = batch(products(photos(host, 40)), imagesPerShard=30)
    built.settings |= {
        "IMAGEBATCH_STORE": store.as_uri(),
        "IMAGEBATCH_STORAGE_PATIENCE_SECONDS": str(patience),
    }
    return built


def test_shard_waits_for_space_in_a_store_that_is_a_folder(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    built = in_folder(batch, host, store, patience=60)
    with MountSpace(tiny(store, "400k")) as space:
        assert built.run("plan", prefix=space.enter).code == 0
        process = built.start("compress", 0, prefix=space.enter)
        end = time.monotonic() + 60
        while "No space left" not in built.log() and time.monotonic() < end:
            time.sleep(0.05)
        assert process.poll() is None
        grow(space, store)
        assert built.wait(process).code == 0
        assert host.requests.total() == 30
        assert built.run("compress", 1, prefix=space.enter).code == 0
        assert built.run("collect", prefix=space.enter).code == 0
        root = space.path(store) / built.keys.root
        assert len((root / "report.jsonl").read_text().splitlines()) == 40
        assert assert_whole(root / "images") == 40


def test_shard_whose_store_stays_full_is_a_fault_and_never_done(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    built = in_folder(batch, host, store, patience=1)
    with MountSpace(tiny(store, "400k")) as space:
        assert built.run("plan", prefix=space.enter).code == 0
        ended = built.run("compress", 0, prefix=space.enter)
        assert ended.code == 1
        assert "no space is left for what is stored" in ended.log


def test_full_scratch_volume_is_a_fault_that_says_so(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    urls = [f"{host.url('a.jpg')}?{n}" for n in range(5000)]
    built = batch(products(urls), imagesPerShard=1000)
    built.settings["TMPDIR"] = str(scratch)
    with MountSpace(tiny(scratch, "64k")) as space:
        ended = built.run("plan", prefix=space.enter)
        assert ended.code == 1
        assert ended.message is not None
        assert ended.message.reason is Reason.PLAN_FAILED
        assert "no space is left for temporary files" in (ended.message.error or "")
        grow(space, scratch)
        assert built.run("plan", prefix=space.enter).code == 0


def test_scratch_volume_too_small_for_the_reports_is_a_fault_that_says_so(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    built = batch(products([f"{host.url('a.jpg')}?{n}" for n in range(2000)]), imagesPerShard=1000)
    assert built.run("plan").code == 0
    built.settings["TMPDIR"] = str(scratch)
    with MountSpace(tiny(scratch, "64k")) as space:
        ended = built.run("collect", prefix=space.enter)
        assert ended.code == 1
        assert ended.message is not None
        assert "no space is left for temporary files" in (ended.message.error or "")
        assert not built.list(built.keys.report_csv)
        grow(space, scratch)
        assert built.run("collect", prefix=space.enter).code == 0


def test_steps_work_with_a_read_only_root_and_one_folder_to_write_to(
    batch: Build, host: ImageHost, tmp_path: Path
) -> None:
    built = batch(products(photos(host, 5)), imagesPerShard=4)
    scratch = tmp_path / "scratch"
    read_only = (
        "for at in / /tmp /var/tmp; do "
        "if mountpoint -q $at; then mount -o remount,bind,ro $at || exit 1; fi; done"
    )
    with MountSpace(tiny(scratch, "1m"), read_only) as space:
        built.settings["TMPDIR"] = "/none"
        refused = built.run("plan", prefix=space.enter)
        assert refused.code == 3
        assert "TMPDIR" in refused.log
        built.settings["TMPDIR"] = str(scratch)
        for step, index in (("plan", 0), ("compress", 0), ("compress", 1), ("collect", 0)):
            ended = built.run(step, index, prefix=space.enter)
            assert ended.code == 0, ended.log
    assert [line["status"] for line in built.report()] == ["succeeded"] * 5
