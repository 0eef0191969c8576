"""The record of a request: what plan writes, and how collect completes it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from imagebatch_core.history import RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.job import Asked, JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.collect import collect
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.store.storage import Storage

CREATED = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HISTORY = HistoryKeys("shop", "team/")


def batch(folder: Path, **job: Any) -> Batch:
    """Of four images, with the prefix ``team/``."""
    source = folder / "in.csv"
    urls = ",".join(f"http://x/{n}" for n in range(4))
    source.write_text(f"S. No.,Product Name,Input Image Urls\n1,Mug,{urls}\n")
    asked = Asked(created_at=CREATED, file_name="mugs.csv", created_by="alice")
    made = RunnerJob(
        namespace="shop",
        name="spring",
        uid="u",
        source=JobSource(path=str(source)),
        asked=asked,
        **job,
    )
    keys = BatchKeys.of("shop", "u", "team/")
    return Batch(made, keys, Storage(MemoryStore(), patience=0), Settings())


def recorded(made: Batch) -> RequestRecord:
    """By the name of the batch."""
    pointer = RecordPointer.model_validate_json(made.storage.get(HISTORY.pointer("spring")) or b"")
    return RequestRecord.model_validate_json(made.storage.get(pointer.key) or b"")


def finish(made: Batch, failed: int, recorded_images: int = 4) -> None:
    plan(made)
    results = []
    for position in range(1, recorded_images + 1):
        item = ShardItem(1, position, f"http://x/{position - 1}")
        if position <= failed:
            results.append(ImageResult.failure(item, ErrorCode.TIMEOUT, "slow"))
        else:
            done = ImageStatus.SUCCEEDED
            results.append(ImageResult(1, position, item.url, done, bytes_in=100, bytes_out=40))
    body = "".join(result.to_line() for result in results).encode()
    made.storage.put(made.keys.part(0, "pod", 0), body)
    collect(made)


def test_plan_writes_the_record_that_a_name_leads_to(tmp_path: Path) -> None:
    made = batch(tmp_path)
    plan(made)
    found = recorded(made)
    assert (found.root, found.products, found.images) == ("team/shop/u/", 1, 4)
    assert (found.asked.file_name, found.asked.created_by) == ("mugs.csv", "alice")
    assert found.end is None
    (key,) = made.storage.keys(HISTORY.records)
    assert HISTORY.parse_record(key) == (int(CREATED.timestamp()), "spring")


@pytest.mark.parametrize(
    ("job", "failed", "phase", "reason"),
    [
        ({}, 0, Phase.COMPLETED, Reason.COMPLETED),
        ({}, 4, Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES),
        ({"max_failed_percent": 24}, 1, Phase.FAILED, Reason.TOO_MANY_FAILED),
        ({"max_failed_percent": 25}, 1, Phase.COMPLETED, Reason.COMPLETED_WITH_FAILURES),
        ({"ended_by": "Cancelled"}, 1, Phase.CANCELLED, Reason.CANCELLED),
        ({"ended_by": "DeadlineExceeded"}, 1, Phase.FAILED, Reason.DEADLINE_EXCEEDED),
    ],
)
def test_collect_completes_it_as_the_operator_will_end_the_batch(
    tmp_path: Path, job: dict[str, Any], failed: int, phase: Phase, reason: Reason
) -> None:
    made = batch(tmp_path, **job)
    finish(made, failed)
    end = recorded(made).end
    assert end is not None
    assert (end.phase, end.reason) == (phase, reason)
    assert end.totals is not None
    assert (end.totals.failed, end.report_key) == (failed, "team/shop/u/report.csv")
    assert len(made.storage.keys(HISTORY.records)) == 1


def test_a_dry_run_is_complete_once_it_is_planned(tmp_path: Path) -> None:
    made = batch(tmp_path, dry_run=True)
    plan(made)
    end = recorded(made).end
    assert end is not None
    assert (end.phase, end.reason) == (Phase.COMPLETED, Reason.DRY_RUN_COMPLETED)
    assert end.message == "1 product, 4 images, 1 shard"


def test_records_are_listed_newest_first() -> None:
    keys = [HISTORY.record(second, name) for second, name in ((5, "b"), (7, "a"), (1_700_000, "c"))]
    found = [HISTORY.parse_record(key) for key in sorted(keys)]
    assert found == [(1_700_000, "c"), (7, "a"), (5, "b")]
    assert HISTORY.parse_record(HistoryKeys("studio", "team/").record(5, "b")) is None
