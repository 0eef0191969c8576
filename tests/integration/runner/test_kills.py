"""SIGKILL at random moments: the same report in the end, and at most one part fetched again.

The moments come from a seed that a failing test shows; ``IMAGEBATCH_TEST_SEED`` repeats it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import obstore
import pytest

from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ImageResult, ImageStatus
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import PUBLIC, RunnerBatch, products
from support.seaweedfs import SeaweedFS

Build = Callable[..., RunnerBatch]

#: Images of the shard, and of them those that a killed pod's successor may fetch again.
SMALL, LARGE = (110, 20), (5000, 50)
LONG = pytest.mark.long


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("IMAGEBATCH_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"IMAGEBATCH_TEST_SEED={seed}")
    return random.Random(seed)


@dataclass(frozen=True, slots=True)
class Calm:
    """A host's images and what an undisturbed batch of them ends with.

    ``part`` is the most images that are fetched and not recorded at any moment.
    """

    host: ImageHost
    urls: list[str]
    part: int
    report: object


@pytest.fixture(scope="module", params=[SMALL, LARGE], ids=["small", "large"])
def calm(
    s3: SeaweedFS, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Calm]:
    """Photographs of a host that takes its time, some twice, one broken, the others missing."""
    images, part = request.param
    with ImageHost() as host:
        found = [
            host.slow(f"{n}.jpg", jpeg(size=(160 + n % 40, 120)), 0.03) for n in range(SMALL[0] - 2)
        ]
        broken = host.add("broken.jpg", jpeg()[:700])
        missing = [host.url(f"missing-{n}.jpg") for n in range(images - len(found) - 1)]
        urls = [*found, *missing, broken, *found[:5]]
        folder = tmp_path_factory.mktemp("calm")
        built = planned(lambda text, **job: RunnerBatch.of(s3, folder, text, **job), urls, part)
        assert built.run("compress", 0).code == 0
        assert set(host.requests.values()) == {1}  # each distinct URL
        yield Calm(host, urls, part, collected(built))


@pytest.fixture
def host(calm: Calm) -> ImageHost:
    calm.host.requests.clear()
    return calm.host


def planned(batch: Build, urls: list[str], part: int) -> RunnerBatch:
    """A batch whose first shard has all of the work; the last image makes a second one."""
    built = batch(products([*urls, urls[-1]]), imagesPerShard=len(urls))
    built.settings |= {
        "IMAGEBATCH_PART_IMAGES": str(part),
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
    }
    assert built.run("plan").code == 0
    return built


def collected(built: RunnerBatch) -> tuple[list[dict[str, Any]], str]:
    """Both reports without attempts and times, with the batch's own uid taken out."""
    assert built.run("compress", 1).code == 0
    assert built.run("collect").code == 0
    text = built.get(built.keys.report_jsonl).decode().replace(built.uid, "UID")
    own = {"attempts": None, "recorded_at": None}
    lines = [json.loads(line) | own for line in text.splitlines()]
    return lines, built.get(built.keys.report_csv).decode().replace(built.uid, "UID")


def until_asked(process: subprocess.Popen[str], host: ImageHost, before: int) -> None:
    while process.poll() is None and sum(host.requests.values()) == before:
        time.sleep(0.005)


def settled(host: ImageHost) -> None:
    """Until the host has let go of what a killed process asked for."""
    while host.concurrent:
        time.sleep(0.01)


def recorded_whole(built: RunnerBatch) -> set[str]:
    """Paths of the URLs whose results of the first shard lie in parts, for all of their places."""
    places: set[tuple[int, int]] = set()
    for key in built.list(built.keys.shard_results(0)):
        lines = map(json.loads, built.get(key).splitlines())
        places |= {(line["row"], line["position"]) for line in lines}
    items = list(map(json.loads, built.get(built.keys.shard(0)).splitlines()))
    open_ = {
        urlsplit(url).path for row, position, url, *_ in items if (row, position) not in places
    }
    return {urlsplit(url).path for _, _, url, *_ in items} - open_


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=LONG)])
def test_shard_killed_again_and_again_ends_as_an_undisturbed_one(
    batch: Build, host: ImageHost, calm: Calm, chance: random.Random, kills: int
) -> None:
    done, images = 0, len(set(calm.urls))
    while done < kills:
        built = planned(batch, calm.urls, calm.part)
        host.requests.clear()
        killed_here = 0
        while True:
            recorded, before = recorded_whole(built), host.requests.copy()
            parts = {key: built.get(key) for key in built.list(built.keys.results)}
            process = built.start("compress", 0)
            if done < kills:
                until_asked(process, host, sum(before.values()))
                time.sleep(chance.uniform(0, 0.8))
                built.kill(process, signal.SIGKILL)
            code = built.wait(process).code
            settled(host)
            asked = host.requests - before
            assert not asked.keys() & recorded, "what was recorded is not fetched again"
            # One of whose two places a part records was fetched with it. The next process takes it
            # at its other place, which is at the end of the shard.
            assert len(host.requests.keys() - built.recorded()) <= calm.part
            assert parts == {key: built.get(key) for key in parts}, "parts are never rewritten"
            if code == 0:
                break
            assert code == -signal.SIGKILL
            done += 1
            killed_here += 1
        assert host.requests.total() <= images + killed_here * calm.part
        assert collected(built) == calm.report


def test_pods_tell_together_what_is_recorded_also_when_one_was_killed_before_it_told(
    batch: Build, host: ImageHost, calm: Calm
) -> None:
    built = planned(batch, calm.urls, calm.part)
    killed = built.start("compress", 0, pod="killed")
    built.wait_for_parts(3)
    built.kill(killed, signal.SIGKILL)
    built.wait(killed)
    built.store.delete([built.keys.pod_progress(0, "killed")])
    parts = built.list(built.keys.shard_results(0))
    recorded = sum(len(built.get(key).splitlines()) for key in parts)
    assert built.run("compress", 0, pod="next").code == 0

    told = {
        key.rpartition("/")[2]: PodProgress.model_validate_json(built.get(key))
        for key in built.list(built.keys.progress)
    }
    assert told["killed.json"].totals.images == recorded
    assert sum(one.totals.images for one in told.values()) == len(calm.urls)
    failures = {group.code: group.count for one in told.values() for group in one.failures}
    missing = sum("missing" in url for url in calm.urls)
    assert failures == {"http_status": missing, "corrupt": 1}


def test_two_pods_on_one_shard_and_one_is_killed_leave_each_image_once(
    batch: Build, host: ImageHost, calm: Calm, chance: random.Random
) -> None:
    built = planned(batch, calm.urls, calm.part)
    both = [built.start("compress", 0) for _ in range(2)]
    until_asked(both[0], host, 0)
    time.sleep(chance.uniform(0, 1))
    built.kill(both[0], signal.SIGKILL)
    assert built.wait(both[0]).code in (0, -signal.SIGKILL)
    assert built.wait(both[1]).code == 0
    assert collected(built) == calm.report


def test_decoders_killed_at_random_cost_no_image(
    batch: Build, host: ImageHost, calm: Calm, chance: random.Random
) -> None:
    built = planned(batch, calm.urls, calm.part)
    process = built.start("compress", 0)
    until_asked(process, host, 0)
    killed, asked = 0, 0
    while process.poll() is None and killed < 4:
        # Only so many are fetched and not recorded: so the decoders are at work (again).
        if host.requests.total() <= asked + calm.part:
            time.sleep(0.01)
            continue
        time.sleep(chance.uniform(0, 0.3))
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if found:
            asked = host.requests.total()
            subprocess.run(["kill", "-KILL", chance.choice(found)], check=False)
            killed += 1
    assert killed
    assert built.wait(process).code == 0
    assert collected(built) == calm.report


ROWS = 3000


def _objects(built: RunnerBatch, *but: str) -> dict[str, bytes]:
    """All objects of the batch, by their key within it."""
    root = built.keys.root
    return {
        name: built.get(key).replace(built.uid.encode(), b"UID")
        for key in built.list(root)
        if (name := key.removeprefix(root)) not in but and not name.startswith("probe-")
    }


def _recorded_by_hand(built: RunnerBatch, text: str) -> None:
    """Results for every second shard, as if they had been compressed."""
    for shard in range(0, ROWS // 20, 2):
        lines = [
            ImageResult(
                row,
                1,
                f"http://127.0.0.1:2/{row}.jpg",
                ImageStatus.SUCCEEDED,
                output_url=f"{PUBLIC}/shop/{built.uid}/images/{row}",
                bytes_in=2 * row,
                bytes_out=row,
            ).to_line()
            for row in range(shard * 20 + 1, shard * 20 + 21)
        ]
        key = built.keys.part(shard, text, 0)
        obstore.put(built.store, key, "".join(lines).encode())


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=LONG)])
def test_plan_and_collect_killed_at_random_end_as_undisturbed_ones(
    batch: Build, chance: random.Random, kills: int
) -> None:
    text = products([f"http://127.0.0.1:2/{n}.jpg" for n in range(1, ROWS + 1)], per_row=1)
    calm, stormy = (batch(text, imagesPerShard=20) for _ in range(2))
    for step in ("plan", "collect"):
        start = time.monotonic()
        assert calm.run(step).code == 0
        usual = time.monotonic() - start
        for _ in range(kills):
            process = stormy.start(step)
            time.sleep(chance.uniform(0.4, 1) * usual)
            stormy.kill(process, signal.SIGKILL)
            code = stormy.wait(process).code
            assert code in (0, -signal.SIGKILL)
            if code == 0 and step == "plan":
                for key in stormy.list(stormy.keys.root):
                    obstore.delete(stormy.store, key)
        assert stormy.run(step).code == 0
        if step == "plan":
            _recorded_by_hand(calm, "pod")
            _recorded_by_hand(stormy, "pod")
    assert _objects(stormy, "summary.json") == _objects(calm, "summary.json")
    summaries = [json.loads(built.get(built.keys.summary)) for built in (calm, stormy)]
    totals = [summary["totals"] for summary in summaries]
    assert totals[0] == totals[1]
    assert totals[0]["succeeded"] == ROWS // 2
