"""What fields of the spec make of a plan, by way of the document that the operator writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.job import JobSource, Step
from imagebatch_core.keys import BatchKeys
from imagebatch_core.owner import Owner
from imagebatch_core.results import ShardItem
from imagebatch_core.spec import DeletionPolicy
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.runner_document import runner_job
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.steps.plan import plan
from imagebatch_runner.steps.sharding import from_lines
from imagebatch_runner.store.documents import Plan
from imagebatch_runner.store.storage import Storage
from support.imagehost import ImageHost
from support.workbooks import HEADER, by_openpyxl
from unit.operator.builders import batch as built

SETTINGS = Settings(fetch_allow="127.0.0.1", retry_base_seconds=0.01)
CSV = "S. No.,Product Name,Input Image Urls\n1,Mug,http://x/a.jpg\n2,Cup,http://x/b.jpg\n"
#: No column has a name by which it is found.
OTHER = "nr,what,where\n7,Mug,http://x/a.jpg\n8,Cup,http://x/b.jpg\n"


def batch_of(source: dict[str, Any], **spec: Any) -> Batch:
    """Return the batch as the plan pod sees it."""
    action = CreateJob(Step.PLAN, 1)
    job = runner_job(built().spec(source=source, **spec).build(), action)
    return Batch(job, BatchKeys.of("shop", "u"), Storage(MemoryStore(), patience=0), SETTINGS)


def planned(
    folder: Path, content: str | bytes, source: dict[str, Any] | None = None, **spec: Any
) -> tuple[Batch, Plan]:
    """Plan a batch whose ConfigMap has this content; ``source`` has further fields of source."""
    made = batch_of({"configMap": {"name": "products"}, **(source or {})}, **spec)
    path = folder / "products.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    mounted: JobSource = made.job.source.model_copy(update={"path": str(path)})
    job = made.job.model_copy(update={"source": mounted})
    made = Batch(job, made.keys, made.storage, made.settings)
    return made, plan(made)


def items(batch: Batch) -> list[ShardItem]:
    return from_lines(batch.storage.get(batch.keys.shard(0)) or b"")


@pytest.mark.field("spec.source.s3.key")
def test_the_object_of_the_key_is_read() -> None:
    batch = batch_of({"s3": {"key": "shop/uploads/a.csv"}})
    batch.storage.put("shop/uploads/a.csv", CSV.encode())
    assert plan(batch).images == 2


@pytest.mark.field("spec.source.url", "spec.retries")
@pytest.mark.parametrize(("retries", "requests"), [(0, 1), (2, 3)])
def test_the_url_is_requested_once_and_then_as_often_as_retries_says(
    retries: int, requests: int
) -> None:
    with ImageHost() as host:
        batch = batch_of({"url": host.status("list.csv", 503)}, retries=retries)
        with pytest.raises(ImageBatchError, match="503"):
            plan(batch)
        assert host.requests["/list.csv"] == requests


@pytest.mark.field("spec.source.sheet")
def test_the_sheet_of_that_name_is_read(tmp_path: Path) -> None:
    urls = {"First": "http://x/first.jpg", "Second": "http://x/second.jpg"}
    book = by_openpyxl({name: [HEADER, [1, "Mug", url]] for name, url in urls.items()})
    batch, _ = planned(tmp_path, book, {"sheet": "Second"})
    assert [item.url for item in items(batch)] == ["http://x/second.jpg"]


@pytest.mark.field(
    "spec.source.columns.imageUrls",
    "spec.source.columns.productName",
    "spec.source.columns.serialNumber",
)
def test_the_columns_that_are_named_are_read(tmp_path: Path) -> None:
    columns = {"imageUrls": ["where"], "productName": "what", "serialNumber": "nr"}
    batch, _ = planned(tmp_path, OTHER, {"columns": columns})
    assert [item.url for item in items(batch)] == ["http://x/a.jpg", "http://x/b.jpg"]
    rows = (batch.storage.get(batch.keys.rows) or b"").decode()
    assert '"Mug"' in rows
    assert '"7"' in rows


@pytest.mark.field("spec.source.baseUrl")
def test_relative_paths_are_appended_to_the_base(tmp_path: Path) -> None:
    text = CSV.replace("http://x/", "/")
    batch, _ = planned(tmp_path, text, {"baseUrl": "http://shop.example/media"})
    assert items(batch)[0].url == "http://shop.example/media/a.jpg"


@pytest.mark.field("spec.imagesPerShard")
def test_a_shard_has_as_many_images_as_the_spec_says(tmp_path: Path) -> None:
    _, made = planned(tmp_path, CSV, imagesPerShard=1)
    assert (made.shards, made.images_per_shard) == (2, 1)


@pytest.mark.field("spec.deletionPolicy")
@pytest.mark.parametrize("policy", DeletionPolicy)
def test_the_deletion_policy_lies_beside_the_objects_for_the_sweeper(
    tmp_path: Path, policy: DeletionPolicy
) -> None:
    batch, _ = planned(tmp_path, CSV, deletionPolicy=policy.value)
    owner = Owner.model_validate_json(batch.storage.get(batch.keys.owner) or b"")
    assert owner.deletion_policy is policy
