"""How long plan's check of the store waits: a wrong address must show soon."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.store import open_store
from imagebatch_runner.failures import StorageUnavailable
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps import plan
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.store.storage import Storage

UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def test_check_of_the_store_waits_less_than_later_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "PROBE_PATIENCE", 0.2)
    store = open_store("s3://images", NOWHERE, retry_timeout=timedelta(milliseconds=200))
    job = RunnerJob(namespace="shop", name="spring", uid=UID, source=JobSource(key="a.csv"))
    batch = Batch(job, BatchKeys.of("shop", UID), Storage(store, patience=3600), Settings())
    # Else it takes an hour, and the test does not get its time.
    with pytest.raises(StorageUnavailable, match="does not answer"):
        plan.probe(batch)


def test_check_of_the_store_waits_no_longer_than_the_patience() -> None:
    store = open_store("s3://images", NOWHERE, retry_timeout=timedelta(0))
    storage = Storage(store, patience=0).within(plan.PROBE_PATIENCE)
    with pytest.raises(StorageUnavailable):
        storage.exists("a")
