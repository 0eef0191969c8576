"""Plan looks at a sample: hosts that do not answer, and what a batch will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from imagebatch_core.history import RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.reasons import Reason
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products

Build = Callable[..., RunnerBatch]
#: Nothing listens there.
DEAD = "http://127.0.0.1:8"


def test_a_batch_none_of_whose_hosts_answers_fails_at_plan_and_is_in_the_history(
    batch: Build,
) -> None:
    asked = {"createdAt": "2026-11-24T10:00:00Z"}
    built = batch(products([f"{DEAD}/{n}.jpg" for n in range(40)]), asked=asked, name="dead")
    built.settings["IMAGEBATCH_UNREACHABLE_SECONDS"] = "0.5"
    ended = built.run("plan")
    assert ended.code == 2
    assert ended.message is not None
    assert ended.message.reason is Reason.SOURCES_UNREACHABLE
    assert "from the host 127.0.0.1: Connection refused" in (ended.message.error or "")
    assert built.keys.plan not in built.list(built.keys.root)
    pointer = built.get(HistoryKeys("shop").pointer("dead"))
    found = built.get(RecordPointer.model_validate_json(pointer).key)
    end = RequestRecord.model_validate_json(found).end
    assert end is not None
    assert (end.phase.value, end.reason) == ("Failed", Reason.SOURCES_UNREACHABLE)


def test_a_batch_with_one_host_that_answers_is_planned_and_no_image_is_asked_for(
    batch: Build, host: ImageHost
) -> None:
    urls = [*(f"{DEAD}/{n}.jpg" for n in range(9)), host.add("a.jpg", jpeg())]
    built = batch(products(urls), imagesPerShard=5)
    built.settings["IMAGEBATCH_UNREACHABLE_SECONDS"] = "30"
    start = time.monotonic()
    assert built.run("plan").code == 0
    assert time.monotonic() - start < 15
    assert host.requests.total() == 0


@pytest.mark.parametrize("job", [{"dryRun": True}, {"suspendAfterPlan": True}])
def test_a_batch_that_stops_after_plan_is_estimated_by_compressing_a_sample(
    batch: Build, host: ImageHost, job: dict[str, Any]
) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(400, 300))) for n in range(45)]
    urls += [host.url(f"missing-{n}.jpg") for n in range(15)]
    mixed = [urls[(7 * n) % 60] for n in range(60)]
    built = batch(products(mixed), parallelism=2, imagesPerShard=30, **job)
    ended = built.run("plan")
    assert ended.code == 0
    assert ended.message is not None
    estimate = ended.message.estimate
    assert estimate is not None
    assert (estimate.sampled, host.requests.total()) == (24, 24)
    assert estimate.images == round(60 * (24 - estimate.failed) / 24)
    assert 0 < estimate.bytes_out < estimate.bytes_in
    assert 0 < estimate.seconds < 120
    (notice,) = [n for n in ended.message.notices if "sampled" in n]
    assert notice.startswith(f"of 24 sampled images {24 - estimate.failed} could be compressed")
    # Nothing of it is stored, and planning again tells the same.
    assert built.list(built.keys.images) == []
    assert built.list(built.keys.sources) == []
    again = built.run("plan").message
    assert again is not None
    assert again.estimate == estimate
