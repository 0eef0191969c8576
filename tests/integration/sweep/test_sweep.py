"""The sweeper on a real API server and a real S3: it removes what nobody needs, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable

import boto3
import obstore
import pytest
from botocore.config import Config

from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.keys import upload_key
from integration.sweep.conftest import NAMESPACE, Shop
from support.pictures import jpeg
from support.s3proxy import S3Proxy
from support.seaweedfs import ACCESS_KEY, BUCKET, SECRET_KEY

Snapshot = Callable[[], list[str]]


def test_delete_leaves_no_object_behind_and_retain_all_of_them(shop: Shop) -> None:
    going, staying, living = (
        shop.ended(name, policy)
        for name, policy in (("going", "Delete"), ("staying", "Retain"), ("living", "Delete"))
    )
    before = {batch.uid: shop.of(batch) for batch in (going, staying, living)}
    assert all(len(keys) > 8 for keys in before.values())
    assert shop.sweep().code == 0
    assert shop.of(going) == before[going.uid], "nothing goes while its ImageBatch is there"

    shop.delete("going", "staying")
    swept = shop.sweep()
    assert swept.code == 0, swept
    assert f"removed the data of a batch: {going.keys.root}" in swept.messages
    assert shop.of(going) == []
    assert shop.of(staying) == before[staying.uid]
    assert shop.of(living) == before[living.uid]


def test_nothing_goes_where_another_cluster_sweeps_too_for_its_batches_are_not_listed(
    shop: Shop, snapshot: Snapshot
) -> None:
    shop.ended("going", "Delete")
    shop.delete("going")
    assert shop.sweep("--dry-run").code == 0
    assert not any("/sweep/" in key for key in shop.listed())
    shop.put(f"{NAMESPACE}/sweep/of-another-cluster")
    before = snapshot()
    swept = shop.sweep()
    assert swept.code == 1
    assert "another cluster sweeps shop/ of this bucket as well" in swept.messages
    assert snapshot() == before
    own = [key for key in shop.listed() if "/sweep/" in key and "another" not in key]
    assert len(own) == 1, "so that the other one sees this cluster, too"
    obstore.delete(shop.s3.store(), f"{NAMESPACE}/sweep/of-another-cluster")
    assert shop.sweep().code == 0
    assert snapshot() == []


def test_a_batch_that_stopped_before_its_plan_leaves_nothing_behind(shop: Shop) -> None:
    """As one whose CSV is refused, or that is deleted while plan reads it."""
    uid = shop.create("refused", deletionPolicy="Delete")
    batch = shop.runner("refused", uid, "Delete")
    (shop.folder / "products.csv").write_text("no,such,header\n1,2,3\n")
    assert batch.run("plan").code == 2
    assert shop.of(batch) != []
    shop.delete("refused")
    assert shop.sweep().code == 0
    assert shop.of(batch) == []


def test_thousands_of_objects_go_and_the_neighbours_stay(shop: Shop, snapshot: Snapshot) -> None:
    batch = shop.ended("large", "Delete")
    shop.put_all(f"{batch.keys.images}{number}-1-{'ab' * 32}.jpg" for number in range(2300))
    others = [
        shop.put(f"press/{batch.uid}/images/1-1-a.jpg"),
        shop.put(f"shopping/{batch.uid}/owner.json"),
        shop.put(f"{NAMESPACE}/notes/keep.txt"),
    ]
    shop.delete("large")
    assert shop.sweep().code == 0
    assert snapshot() == [others[-1]]
    assert all(shop.listed(other.rpartition("/")[0]) == [other] for other in others)
    obstore.delete(shop.s3.store(), others)


def test_it_needs_no_more_than_the_key_pair_of_its_namespace(shop: Shop) -> None:
    batch = shop.ended("own", "Delete")
    theirs = shop.put("press/uploads/1/a.csv")
    upload = shop.put(upload_key(NAMESPACE, "1", "00"))
    shop.delete("own")
    swept = shop.sweep(**shop.s3.tenant_env(NAMESPACE))
    assert swept.code == 0, swept
    assert shop.of(batch) == []
    assert shop.listed(upload.rpartition("/")[0]) == []
    assert shop.listed(theirs.rpartition("/")[0]) == [theirs]


def test_a_dry_run_says_what_would_go_and_changes_nothing(shop: Shop) -> None:
    batch = shop.ended("tried", "Delete")
    upload = shop.put(upload_key(NAMESPACE, "1", "00"))
    shop.delete("tried")
    before = shop.listed()
    swept = shop.sweep("--dry-run")
    assert swept.code == 0
    assert f"would remove the data of a batch: {batch.keys.root}" in swept.messages
    assert f"would remove an upload: {upload}" in swept.messages
    assert shop.listed() == before
    later = shop.sweep("--dry-run", IMAGEBATCH_SWEEP_DELETED_MINUTES="60")
    assert "needed by nobody, as seen since 20" in later.messages
    assert f"would remove the data of a batch: {batch.keys.root}" not in later.messages


def test_what_is_needed_by_nobody_waits_over_the_runs(shop: Shop) -> None:
    batch = shop.ended("waiting", "Delete")
    shop.delete("waiting")
    assert shop.sweep(IMAGEBATCH_SWEEP_DELETED_MINUTES="60").code == 0
    assert shop.sweep(IMAGEBATCH_SWEEP_DELETED_MINUTES="60").code == 0
    assert len(shop.of(batch)) > 8
    assert shop.sweep().code == 0
    assert shop.of(batch) == []


def test_beside_a_running_batch_nothing_goes_that_it_needs(shop: Shop) -> None:
    """With no patience at all, run after run, while the pods of a batch work."""
    upload = upload_key(NAMESPACE, "run", "00")
    earlier = shop.ended("earlier", "Delete")
    spec = {"source": {"s3": {"key": upload}}, "reuseFrom": {"name": "earlier"}}
    uid = shop.create("running", **spec)
    batch = shop.runner("running", uid, source={"key": upload}, reuseFrom=earlier.uid)
    text = (shop.folder / "products.csv").read_bytes()
    shop.put(upload, text)
    shop.delete("earlier")
    orphan = shop.put(upload_key(NAMESPACE, "nobody", "00"))
    for step, index in (("plan", 0), ("compress", 0), ("compress", 1), ("collect", 0)):
        process = batch.start(step, index)
        assert shop.sweep().code == 0
        assert batch.wait(process).code == 0
        assert shop.sweep().code == 0
    assert [line["status"] for line in batch.report()] == ["succeeded"] * 4
    assert shop.listed(upload.rpartition("/")[0]) == [upload]
    assert len(shop.of(earlier)) > 8, "a living batch names it by reuseFrom"
    assert shop.listed(orphan.rpartition("/")[0]) == []


@pytest.mark.parametrize("broken", ["500", "403", "cut"])
def test_a_broken_listing_removes_nothing(shop: Shop, snapshot: Snapshot, broken: str) -> None:
    batch = shop.ended("kept", "Delete")
    shop.put(upload_key(NAMESPACE, "1", "00"))
    shop.delete("kept")
    before = snapshot()
    with S3Proxy(shop.s3) as proxy:
        if broken == "cut":
            for _ in range(10):
                proxy.cut("list-type=2")
        else:
            proxy.poison("list-type=2", int(broken))
        swept = shop.sweep(**proxy.env())
        assert swept.code == 1, swept
        assert "nothing was removed: cannot list" in swept.messages
        assert snapshot() == before
    assert shop.sweep().code == 0
    assert shop.of(batch) == []


def test_a_listing_that_breaks_on_its_second_page_removes_nothing(
    shop: Shop, snapshot: Snapshot
) -> None:
    shop.put_all(upload_key(NAMESPACE, f"{number:04}", "00") for number in range(1100))
    with S3Proxy(shop.s3) as proxy:
        proxy.poison("continuation-token", 500)
        swept = shop.sweep(**proxy.env())
        assert swept.code == 1, swept
    assert len(snapshot()) == 1100
    assert shop.sweep().code == 0
    assert [key for key in shop.listed() if "/uploads/" in key] == []


def test_an_owner_that_cannot_be_read_is_left_and_the_others_go(shop: Shop) -> None:
    unread, broken, going = (shop.ended(name, "Delete") for name in ("unread", "broken", "going"))
    shop.put(broken.keys.owner, b"{}")
    shop.delete("unread", "broken", "going")
    with S3Proxy(shop.s3) as proxy:
        proxy.poison(unread.keys.owner, 403)
        swept = shop.sweep(**proxy.env())
    assert swept.code == 1
    assert f"left as it is: {unread.keys.root}: its owner.json" in swept.messages
    assert f"left as it is: {broken.keys.root}: its owner.json" in swept.messages
    assert shop.of(going) == []
    assert len(shop.of(unread)) > 8
    assert len(shop.of(broken)) > 8


def test_without_an_answer_of_the_api_server_nothing_goes(shop: Shop) -> None:
    batch = shop.ended("unknown", "Delete")
    shop.delete("unknown")
    with shop.plane.stopped():
        swept = shop.sweep()
        assert swept.code == 1, swept
        assert "nothing was removed: cannot list the ImageBatches" in swept.messages
    assert len(shop.of(batch)) > 8


def test_a_removal_that_fails_half_way_is_finished_by_the_next_run(shop: Shop) -> None:
    batch = shop.ended("half", "Delete")
    shop.delete("half")
    with S3Proxy(shop.s3) as proxy:
        proxy.poison("?delete", 403)
        swept = shop.sweep(**proxy.env())
    assert swept.code == 1
    assert f"could not remove the data of a batch: {batch.keys.root}" in swept.messages
    assert batch.keys.owner in shop.of(batch)
    assert shop.sweep().code == 0
    assert shop.of(batch) == []


def test_a_run_that_is_killed_is_finished_by_the_next(shop: Shop) -> None:
    batch = shop.ended("killed", "Delete")
    shop.put_all(f"{batch.keys.images}{number}-1-{'ab' * 32}.jpg" for number in range(3000))
    shop.delete("killed")
    before = len(shop.of(batch))
    process = shop.start()
    while len(shop.of(batch)) == before:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    left = shop.of(batch)
    assert batch.keys.owner in left, "it goes last: without it nobody would know whose the rest is"
    assert 1 < len(left) < before
    assert shop.sweep().code == 0
    assert shop.of(batch) == []


def test_two_runs_at_once_come_to_the_same_end(shop: Shop) -> None:
    going, staying = shop.ended("both", "Delete"), shop.ended("stays")
    before = shop.of(staying)
    shop.delete("both", "stays")
    runs = [shop.start(), shop.start()]
    assert [shop.wait(process).code for process in runs] == [0, 0]
    assert shop.of(going) == []
    assert shop.of(staying) == before


def test_unfinished_multipart_uploads_are_aborted_once_they_are_old(shop: Shop) -> None:
    client = boto3.client(
        "s3", endpoint_url=shop.s3.endpoint, region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    keys = [f"{NAMESPACE}/uploads/1/a.csv", "press/uploads/1/a.csv"]
    for key in keys:
        begun = client.create_multipart_upload(Bucket=BUCKET, Key=key)
        client.upload_part(
            Bucket=BUCKET, Key=key, PartNumber=1, UploadId=begun["UploadId"], Body=b"x" * 5_242_880
        )

    def unfinished() -> set[str]:
        listed = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return {one["Key"] for one in listed}

    assert set(keys) <= unfinished()
    assert shop.sweep(IMAGEBATCH_SWEEP_UNFINISHED_HOURS="24").code == 0
    assert set(keys) <= unfinished()
    swept = shop.sweep()
    assert swept.code == 0, swept
    assert unfinished() & set(keys) == {keys[1]}, "another namespace's is not its own"


def test_kept_sources_go_when_they_are_old_and_the_rest_of_the_batch_stays(shop: Shop) -> None:
    batch = shop.ended("sampled")
    before = shop.of(batch)
    source = shop.put(f"{batch.keys.sources}1-1-ab.jpg", jpeg(size=(20, 20)))
    assert shop.sweep().code == 0
    assert source in shop.of(batch)
    assert shop.sweep(IMAGEBATCH_SWEEP_SOURCES_DAYS="0").code == 0
    rest = [key for key in before if not key.startswith(batch.keys.sources)]
    assert shop.of(batch) == rest != before


def test_with_delete_the_history_goes_too_and_old_records_go_by_their_age(shop: Shop) -> None:
    going, staying = shop.ended("going", "Delete"), shop.ended("staying")
    history = HistoryKeys(NAMESPACE)
    assert len(shop.listed(history.records)) == len(shop.listed(history.pointers)) == 2
    # An earlier batch of the same name, whose record must not be taken for this one's.
    earlier = shop.put(history.record(1_000, "going"), b"{}")
    shop.delete("going", "staying")
    assert shop.sweep().code == 0
    assert shop.of(going) == []
    [_, kept] = sorted(shop.listed(history.records), key=lambda key: key.endswith("staying.json"))
    assert shop.listed(history.records) == sorted([earlier, kept])
    assert kept.endswith("-staying.json")
    assert shop.listed(history.pointers) == [history.pointer("staying")]

    swept = shop.sweep(IMAGEBATCH_SWEEP_HISTORY_DAYS="0")
    assert f"removed a record: {kept}" in swept.messages
    assert shop.listed(history.records) == shop.listed(history.pointers) == []
    assert len(shop.of(staying)) > 8


def test_the_record_of_a_batch_that_lives_stays_whatever_its_age(shop: Shop) -> None:
    shop.ended("living")
    assert shop.sweep(IMAGEBATCH_SWEEP_HISTORY_DAYS="0").code == 0
    assert len(shop.listed(HistoryKeys(NAMESPACE).records)) == 1
