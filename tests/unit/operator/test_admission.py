from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.names import RUNNER_CONFIG_MAP
from imagebatch_core.reasons import Reason
from imagebatch_operator.admission import accept
from imagebatch_operator.cluster.client import core_path
from imagebatch_operator.policies.observed import Refusal
from imagebatch_operator.policies.runner_overrides import Overrides
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, BatchBuilder, batch
from unit.operator.fakecluster import FakeCluster

ROOT = f"team/shop/{UID}/"
SETTINGS = Settings(runner_image="r", source_prefixes={"shop": ["feeds/", "catalogues/shop"]})


async def refused(builder: BatchBuilder, cluster: FakeCluster | None = None) -> Refusal:
    found = await accept(builder.build(), cluster or FakeCluster(), SETTINGS)
    assert isinstance(found, Refusal)
    return found


async def test_what_the_chart_does_not_allow_of_the_runner_is_refused_for_good() -> None:
    found = await refused(batch().spec(runner={"priorityClassName": "high"}))
    assert (found.reason, found.permanent) == (Reason.RUNNER_NOT_ALLOWED, True)
    assert "priorityClassName: high is not allowed; none is allowed" in found.message
    allowed = SETTINGS.model_copy(
        update={"runner_overrides": Overrides(priority_class_names=["high"])}
    )
    built = batch().spec(runner={"priorityClassName": "high"}).build()
    assert isinstance(await accept(built, FakeCluster(), allowed), str)


@pytest.mark.parametrize(
    "key",
    [
        "other/uploads/a.csv",
        "shopkeeper/uploads/a.csv",
        "shop/uploads.csv",
        f"shop/{UID}/input.csv",
        "feeds.csv",
        "catalogues/shopping/a.csv",
        "catalogues/a.csv",
        "secret.csv",
    ],
)
async def test_a_key_outside_of_what_is_granted_is_refused(key: str) -> None:
    found = await refused(batch().spec(source={"s3": {"key": key}}))
    assert (found.reason, found.permanent) == (Reason.SOURCE_NOT_ALLOWED, True)


@pytest.mark.parametrize(
    "key",
    [
        "shop/uploads/../../other/a.csv",
        "shop/uploads/./a.csv",
        "shop/uploads//a.csv",
        "shop/uploads/a.csv/",
        "shop/uploads/..",
        "shop/uploads/a\n.csv",
        "shop/uploads/" + "ä" * 600,
    ],
)
async def test_a_key_that_can_name_no_object_is_refused_before_any_pod_runs(key: str) -> None:
    found = await refused(batch().spec(source={"s3": {"key": key}}))
    assert (found.reason, found.permanent) == (Reason.SOURCE_NOT_ALLOWED, True)


@pytest.mark.parametrize(
    "key", ["shop/uploads/..a/b..csv", "shop/uploads/sale 50%? #1.csv", "shop/uploads/Lager ä.csv"]
)
async def test_a_key_that_is_only_unusual_is_accepted(key: str) -> None:
    built = batch().spec(source={"s3": {"key": key}}).build()
    assert await accept(built, FakeCluster(), SETTINGS) == ROOT


@pytest.mark.parametrize("key", ["shop/uploads/a.csv", "feeds/a.csv", "catalogues/shop/a.csv"])
async def test_a_key_under_the_uploads_or_a_granted_prefix_is_accepted(key: str) -> None:
    built = batch().spec(source={"s3": {"key": key}}).build()
    assert await accept(built, FakeCluster(), SETTINGS) == ROOT


async def test_a_missing_config_map_or_key_may_still_come() -> None:
    cluster = FakeCluster()
    builder = batch().spec(source={"configMap": {"name": "mine", "key": "a.csv"}})
    found = await refused(builder, cluster)
    assert (found.reason, found.permanent) == (Reason.SOURCE_NOT_FOUND, False)
    path = "/api/v1/namespaces/shop/configmaps/mine"
    cluster.add(path, {"metadata": {"name": "mine"}, "data": {"b.csv": ""}})
    assert "a.csv" in (await refused(builder, cluster)).message
    cluster.add(path, {"metadata": {"name": "mine"}, "binaryData": {"a.csv": ""}})
    assert await accept(builder.build(), cluster, SETTINGS) == ROOT


@pytest.mark.parametrize(
    ("watched", "value"), [((), "runner.namespaces"), (("shop",), "chart's namespaces")]
)
async def test_a_namespace_without_the_runners_objects_is_told_the_value_that_adds_them(
    watched: tuple[str, ...], value: str
) -> None:
    settings = Settings(runner_image="r", namespaces=watched)
    cluster = FakeCluster()
    cluster.objects.clear()
    found = await accept(batch().build(), cluster, settings)
    assert isinstance(found, Refusal)
    assert (found.reason, found.permanent) == (Reason.STORAGE_NOT_CONFIGURED, False)
    assert "ServiceAccount imagebatch-runner" in found.message
    assert value in found.message


@pytest.mark.parametrize("data", [{}, {"data": {"IMAGEBATCH_STORE": ""}}])
async def test_a_config_map_that_names_no_store_is_refused_until_it_does(
    data: dict[str, Any],
) -> None:
    cluster = FakeCluster()
    path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
    cluster.add(path, {"metadata": {"name": RUNNER_CONFIG_MAP}, **data})
    found = await refused(batch(), cluster)
    assert (found.reason, found.permanent) == (Reason.STORAGE_NOT_CONFIGURED, False)
    assert "IMAGEBATCH_STORE" in found.message


async def test_a_prefix_that_leaves_no_room_for_keys_is_refused_until_it_is_shorter() -> None:
    cluster = FakeCluster()
    path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
    store = f"s3://pictures/{'p' * 600}"
    metadata = {"name": RUNNER_CONFIG_MAP}
    cluster.add(path, {"metadata": metadata, "data": {"IMAGEBATCH_STORE": store}})
    found = await refused(batch(), cluster)
    assert (found.reason, found.permanent) == (Reason.STORAGE_NOT_CONFIGURED, False)
    assert "longer than 512 bytes" in found.message
