"""Where a batch's data lies is recorded when it is accepted, and counts from then on."""

from __future__ import annotations

import json
from typing import Any

from imagebatch_core.names import ENV_JOB, ENV_STORE, RUNNER_CONFIG_MAP
from imagebatch_core.reasons import Phase
from imagebatch_operator.cluster.client import batch_path, core_path
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, batch
from unit.operator.fakecluster import STORE, FakeCluster
from unit.operator.life import KEY, Life, applied, result

SETTINGS = Settings(runner_image="runner:1")
ROOT = f"team/shop/{UID}/"


def roots(cluster: FakeCluster) -> list[str | None]:
    """The root that each Job's pods are told."""
    told: list[str | None] = []
    for job in cluster.jobs():
        environment = job["spec"]["template"]["spec"]["containers"][0]["env"]
        document = next(entry["value"] for entry in environment if entry["name"] == ENV_JOB)
        told.append(json.loads(document).get("root"))
    return told


def move_store(cluster: FakeCluster, url: str) -> None:
    """As the next upgrade of the release does."""
    path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
    cluster.add(path, {"metadata": {"name": RUNNER_CONFIG_MAP}, "data": {ENV_STORE: url}})


async def test_it_is_in_the_status_before_the_first_job_which_is_told_it() -> None:
    assert STORE == "s3://pictures/team"
    cluster = applied(batch())
    await Life(cluster, SETTINGS).one_pass()
    assert result(cluster).status.storage == ROOT
    assert roots(cluster) == [ROOT]


async def test_a_prefix_that_changes_under_a_running_batch_changes_nothing_for_it() -> None:
    cluster = applied(batch())
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    move_store(cluster, "s3://pictures/elsewhere")
    seen: list[str | None] = []
    for _ in range(20):
        await life.one_pass()
        seen += roots(cluster)
        cluster.run_jobs()
    assert set(seen) == {ROOT}
    assert result(cluster).status.storage == ROOT
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_a_batch_that_is_suspended_from_the_start_keeps_the_place_of_its_acceptance() -> None:
    cluster = applied(batch().spec(suspend=True))
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    move_store(cluster, "s3://pictures/elsewhere")
    body = cluster.objects[batch_path(*KEY)]
    cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], "suspend": False}})
    await life.one_pass()
    assert roots(cluster) == [ROOT]


async def test_a_batch_that_waits_records_the_place_once_it_is_accepted() -> None:
    cluster = applied(batch().spec(source={"configMap": {"name": "mine", "key": "a.csv"}}))
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    assert result(cluster).status.storage is None
    move_store(cluster, "s3://pictures")
    path = core_path("shop", "configmaps", "mine")
    cluster.add(path, {"metadata": {"name": "mine"}, "data": {"a.csv": ""}})
    await life.one_pass()
    assert result(cluster).status.storage == f"shop/{UID}/"


async def test_a_resource_restored_from_a_backup_goes_on_where_its_data_lies() -> None:
    """With its status and another uid; its Jobs did not come back."""
    whole = applied(batch())
    life = Life(whole, SETTINGS)
    await life.one_pass()
    whole.run_jobs()
    await life.one_pass()
    backup: dict[str, Any] = whole.objects[batch_path(*KEY)]
    assert backup["status"]["shards"]["total"] == 3

    cluster = FakeCluster()
    move_store(cluster, "s3://pictures/elsewhere")
    restored = {**backup, "metadata": {**backup["metadata"], "uid": "0" * 36}}
    cluster.add(batch_path(*KEY), restored)
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    assert roots(cluster) == [ROOT]
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED
    assert result(cluster).status.storage == ROOT


async def test_a_batch_that_an_older_release_accepted_and_that_has_not_begun_gets_its_place() -> (
    None
):
    cluster = applied(batch().spec(suspend=True))
    life = Life(cluster, SETTINGS)
    await life.one_pass()
    body = cluster.objects[batch_path(*KEY)]
    del body["status"]["storage"]
    life.start()
    await life.one_pass()
    assert result(cluster).status.storage == ROOT
    reads = len(cluster.reads)
    await life.one_pass()
    assert len(cluster.reads) == reads
