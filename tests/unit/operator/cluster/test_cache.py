from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_operator.cluster.cache import Cache, Listing, VersionsWentBack
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, batch

KEY = ("shop", "spring")


def body(version: int, **metadata: Any) -> dict[str, Any]:
    made = batch().body()
    made["metadata"] |= {"resourceVersion": str(version), **metadata}
    return made


def job_body(version: int = 1, **metadata: Any) -> dict[str, Any]:
    made = deepcopy(
        construct_job(batch().build(), CreateJob(Step.PLAN, 1), Settings(runner_image="r"))
    )
    made["metadata"] |= {
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "uid": "uid-of-plan",
        **metadata,
    }
    return made


def test_an_older_event_never_replaces_what_we_wrote() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_batch(body(9))
    assert cache.version(KEY) == 20


def test_a_batch_created_anew_under_the_same_name_replaces_the_old_one() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_batch(body(21, uid="another"))
    found = cache.batch(KEY)
    assert found is not None
    assert found["metadata"]["uid"] == "another"


def test_what_was_created_while_a_list_was_on_its_way_is_kept() -> None:
    cache = Cache()
    listing = Listing(cache)
    cache.put_batch(body(20))
    cache.put_job(job_body())
    listing.end()
    assert cache.keys_now() == [KEY]
    assert len(cache.jobs("shop", UID)) == 1


def test_what_was_deleted_while_a_list_was_on_its_way_is_not_put_back_by_it() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_job(job_body(21))
    listing = Listing(cache)
    cache.drop_batch(body(30))
    cache.drop_job(job_body(31))
    listing.take_batch(body(20))
    listing.take_job(job_body(21))
    listing.end()
    assert cache.keys_now() == []
    assert cache.jobs("shop", UID) == ()


def test_a_list_that_was_on_its_way_never_replaces_a_batch_created_anew_by_the_old_one() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    listing = Listing(cache)
    cache.drop_batch(body(30))
    cache.put_batch(body(31, uid="another"))
    listing.take_batch(body(20))
    listing.end()
    found = cache.batch(KEY)
    assert found is not None
    assert found["metadata"]["uid"] == "another"


def test_our_write_that_is_answered_after_the_deletion_does_not_bring_the_batch_back() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.drop_batch(body(30))
    cache.put_batch(body(29))
    assert cache.keys_now() == []


def test_the_end_of_an_old_batch_does_not_end_the_new_one_of_its_name() -> None:
    cache = Cache()
    cache.put_batch(body(31, uid="another"))
    cache.drop_batch(body(30))
    assert cache.keys_now() == [KEY]


def test_deletions_are_remembered_only_until_a_later_list_was_taken() -> None:
    cache = Cache()
    for version in (20, 40):
        cache.put_batch(body(version))
        cache.drop_batch(body(version + 1))
        cache.drop_job(job_body(version + 2))
    Listing(cache).end()
    assert cache.known().gone == {}


def test_what_a_list_no_longer_has_is_forgotten() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_job(job_body())
    Listing(cache).end()
    assert cache.keys_now() == []
    assert cache.jobs("shop", UID) == ()


def test_a_job_of_another_namespace_cannot_pose_as_one_of_the_batch() -> None:
    cache = Cache()
    cache.put_job(job_body(namespace="attacker"))
    assert cache.jobs("shop", UID) == ()


def test_a_job_that_the_batch_does_not_own_is_not_one_of_its_jobs() -> None:
    cache = Cache()
    owner = {**job_body()["metadata"]["ownerReferences"][0], "uid": "another"}
    assert cache.put_job(job_body(ownerReferences=[owner])) is None
    assert cache.jobs("shop", UID) == ()


def test_a_deleted_job_is_forgotten_and_its_batch_is_looked_at() -> None:
    cache = Cache()
    assert cache.put_job(job_body()) == KEY
    assert cache.drop_job(job_body(2)) == KEY
    assert cache.jobs("shop", UID) == ()


def pod_body(*, code: int | None = 0, job: str = "uid-of-plan", **metadata: Any) -> dict[str, Any]:
    """A pod of the plan Job that ended with ``code``, or runs."""
    message = RunnerMessage(step=Step.PLAN, products=2, images=4, shards=2).to_json()
    ended = {"terminated": {"exitCode": code, "message": message}}
    return {
        "metadata": {
            "name": "pod",
            "namespace": "shop",
            "resourceVersion": "30",
            "labels": dict(job_body()["metadata"]["labels"]),
            "ownerReferences": [{"kind": "Job", "uid": job}],
            **metadata,
        },
        "status": {"containerStatuses": [{"state": {"running": {}} if code is None else ended}]},
    }


def test_a_pod_that_did_its_step_is_the_outcome_of_its_job() -> None:
    cache = Cache()
    cache.put_job(job_body())
    [job] = cache.jobs("shop", UID)
    assert cache.put_pod(pod_body(code=None)) is None
    assert cache.put_pod(pod_body(code=1)) is None  # the Job decides what follows
    assert cache.done(job) is None
    assert cache.put_pod(pod_body()) == KEY
    done = cache.done(job)
    assert done is not None
    assert done.message is not None
    assert (done.exit_code, done.message.shards) == (0, 2)
    cache.drop_job(job_body(2))
    assert cache.done(job) is None


@pytest.mark.parametrize(
    "other",
    [{"job": "uid-of-another"}, {"namespace": "other"}, {"labels": {}}, {"ownerReferences": []}],
    ids=["job", "namespace", "labels", "owner"],
)
def test_a_pod_of_no_known_job_says_nothing(other: dict[str, Any]) -> None:
    cache = Cache()
    cache.put_job(job_body())
    assert cache.put_pod(pod_body(**other)) is None
    assert all(cache.done(job) is None for job in cache.jobs("shop", UID))


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_job(job_body(21))
    assert Listing(cache, "press").end() == []
    assert cache.keys_now() == [KEY]
    assert Listing(cache, "shop").end() == [KEY]
    assert cache.keys_now() == []


def test_an_older_version_in_a_list_than_was_known_before_is_a_restored_cluster() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    cache.put_job(job_body(20))
    with pytest.raises(VersionsWentBack, match=r"shop/spring is at .* 9 and was at 20"):
        Listing(cache).take_batch(body(9))
    with pytest.raises(VersionsWentBack, match="Job shop/"):
        Listing(cache).take_job(job_body(9))


def test_an_older_version_in_a_list_than_came_meanwhile_is_none() -> None:
    cache = Cache()
    cache.put_batch(body(20))
    listing = Listing(cache)
    cache.put_batch(body(30))
    listing.take_batch(body(20))
    listing.end()
    assert cache.version(KEY) == 30


@pytest.mark.parametrize(
    ("completions", "completed"), [(2**31 - 1, None), (10_001, None), (5, "0-2147483646")]
)
def test_a_forged_job_of_billions_of_indexes_is_ignored_at_once(
    completions: int, completed: str | None
) -> None:
    """Who may create Jobs beside a batch may forge one; counting its indexes would take minutes."""
    forged = job_body()
    forged["metadata"]["labels"]["imagebatch.dev/step"] = "compress-0"
    forged["spec"]["completions"] = completions
    failed = {"type": "Failed", "status": "True"}
    forged["status"] = {"conditions": [failed], "completedIndexes": completed}
    cache, start = Cache(), time.monotonic()
    assert cache.put_job(forged) is None
    assert time.monotonic() - start < 1
    assert cache.jobs("shop", UID) == ()
