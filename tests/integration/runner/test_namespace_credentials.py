"""The key pair of one namespace opens that namespace's part of the bucket, and no other's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import ObjectStore

from imagebatch_core.job import ExitCode
from imagebatch_core.keys import BatchKeys, upload_key
from imagebatch_core.store import open_store
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.s3policy import allows, needed
from support.s3proxy import S3Proxy
from support.seaweedfs import BUCKET, SeaweedFS

THEIRS = "press/uploads/1/a.csv"


@pytest.fixture
def shop(s3: SeaweedFS) -> ObjectStore:
    """The bucket as opened by the key pair of namespace shop; press has an object in it."""
    obstore.put(s3.store(), THEIRS, b"theirs")
    return open_store(f"s3://{BUCKET}", s3.tenant_env("shop"))


def test_what_lies_below_the_namespace_can_be_put_read_listed_copied_and_deleted(
    shop: ObjectStore,
) -> None:
    key = upload_key("shop", "1", "00")
    obstore.put(shop, key, b"ours")
    obstore.copy(shop, key, f"{key}.copy")
    assert bytes(obstore.get(shop, f"{key}.copy").bytes()) == b"ours"
    assert key in [item["path"] for item in obstore.list(shop, "shop/uploads/1/").collect()]
    obstore.delete(shop, [key, f"{key}.copy"])


@pytest.mark.parametrize(
    "reach",
    [
        lambda store: obstore.get(store, THEIRS),
        lambda store: obstore.put(store, "press/uploads/1/b.csv", b"ours"),
        lambda store: obstore.list(store, "press/").collect(),
        lambda store: obstore.list(store, "").collect(),
        lambda store: obstore.copy(store, THEIRS, "shop/uploads/1/stolen.csv"),
        lambda store: obstore.copy(store, "shop/uploads/1/ours.csv", THEIRS),
        lambda store: obstore.delete(store, THEIRS),
        lambda store: obstore.get(store, "shopping/a.csv"),
    ],
    ids=["get", "put", "list", "list-all", "copy-from", "copy-to", "delete", "neighbour"],
)
def test_what_lies_below_another_namespace_is_refused(
    s3: SeaweedFS, shop: ObjectStore, reach: Callable[[ObjectStore], object]
) -> None:
    obstore.put(s3.store(), "shopping/a.csv", b"neighbour")
    obstore.put(shop, "shop/uploads/1/ours.csv", b"ours")
    # obstore has no class of its own for a listing that is refused.
    with pytest.raises((PermissionDeniedError, GenericError), match="AccessDenied"):
        reach(shop)
    assert bytes(obstore.get(s3.store(), THEIRS).bytes()) == b"theirs"


def test_a_whole_batch_runs_with_the_pair_of_its_namespace(
    batch: Callable[..., RunnerBatch], s3: SeaweedFS, host: ImageHost
) -> None:
    urls = [host.add(f"{n}.jpg", jpeg(size=(60 + n, 40))) for n in range(5)]
    upload = upload_key("shop", "run", "00")
    obstore.put(s3.store(), upload, products(urls).encode())
    first = batch("", source={"key": upload}, imagesPerShard=2)
    first.settings = s3.tenant_env("shop")
    assert first.run_all().step.value == "collect"
    assert [line["status"] for line in first.report()] == ["succeeded"] * 5

    again = batch("", source={"key": upload}, imagesPerShard=2, reuseFrom=first.uid)
    again.settings = s3.tenant_env("shop")
    again.run_all()
    assert {line["status"] for line in again.report()} == {"reused"}


def test_the_policy_of_the_docs_grants_every_request_of_a_batch(
    batch: Callable[..., RunnerBatch], s3: SeaweedFS, host: ImageHost
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "storage.md").read_text()
    (text,) = re.findall(r"```json\n(\{\s*\"Version\".*?)```", page, flags=re.DOTALL)
    policy = json.loads(text.replace("my-bucket", BUCKET))
    urls = [host.add(f"policy-{n}.jpg", jpeg(size=(60 + n, 40))) for n in range(3)]
    upload = upload_key("shop", "policy", "00")
    obstore.put(s3.store(), upload, products(urls).encode())
    with S3Proxy(s3) as proxy:
        made = batch("", source={"key": upload}, imagesPerShard=2)
        made.settings = s3.tenant_env("shop") | {
            "AWS_ENDPOINT_URL": proxy.env()["AWS_ENDPOINT_URL"]
        }
        made.run_all()
        seen = list(proxy.seen)
    assert {line["status"] for line in made.report()} == {"succeeded"}
    rights = {right for request in seen for right in needed(*request)}
    actions = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"}
    assert {right.action for right in rights} >= actions
    assert [right for right in rights if not allows(policy, right)] == []


def test_a_batch_with_the_pair_of_another_namespace_is_told_what_to_check(
    batch: Callable[..., RunnerBatch], s3: SeaweedFS
) -> None:
    made = batch(products(["https://a.example/1.jpg"]))
    made.settings = s3.tenant_env("press")
    ended = made.run("plan")
    assert ended.code == ExitCode.CONFIGURATION_REFUSED
    assert ended.message is not None
    assert "check the key pair and its rights" in (ended.message.error or "")
    assert made.list(BatchKeys.of("shop", made.uid).root) == []
