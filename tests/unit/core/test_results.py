"""What counts images by status has a counter for each status."""

from __future__ import annotations

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.job import Totals
from imagebatch_core.results import WITH_OUTPUT, ImageStatus, saved_share
from imagebatch_core.status import Images

STATUSES = [status.value for status in ImageStatus]


def test_totals_and_images_have_a_counter_for_each_status_and_no_other() -> None:
    assert [name for name in Totals.model_fields if not name.startswith("bytes_")] == STATUSES
    assert [name for name in Images.model_fields if name not in ("total", "done")] == STATUSES


def test_images_of_a_collected_batch_are_those_of_its_totals() -> None:
    counts = {status: number for number, status in enumerate(ImageStatus, start=1)}
    totals = Totals.of(counts, bytes_in=10, bytes_out=4)
    assert totals.counts == counts
    images = Images.of(totals)
    assert (images.total, images.done) == (totals.images, sum(counts.values()))
    assert {status: getattr(images, status.value) for status in ImageStatus} == counts


def test_images_that_are_counted_twice_are_not_more_than_all() -> None:
    images = Images.counted({ImageStatus.FAILED: 3}, total=2)
    assert (images.total, images.done, images.failed, images.succeeded) == (2, 2, 3, 0)
    assert Images.counted({ImageStatus.FAILED: 3}, total=0).done == 3


def test_a_failed_image_alone_of_these_has_no_output() -> None:
    assert {ImageStatus.SUCCEEDED, ImageStatus.KEPT, ImageStatus.REUSED} <= WITH_OUTPUT
    assert ImageStatus.FAILED not in WITH_OUTPUT


def test_a_plain_string_is_found_among_the_statuses_with_an_output() -> None:
    assert "kept" in WITH_OUTPUT
    assert "failed" not in WITH_OUTPUT


def test_kubectl_explains_each_counter_by_what_the_status_means() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    explained = status["properties"]["images"]["properties"]
    for one in ImageStatus:
        assert explained[one.value]["description"] == f"{one.meaning} Counted at the end."
    columns = {c["name"]: c["jsonPath"] for c in version["additionalPrinterColumns"]}
    assert columns["Failed"] == ".status.images.failed"


@pytest.mark.parametrize(
    ("bytes_in", "bytes_out", "share"),
    [(1000, 387, "61.3%"), (0, 0, "0.0%"), (1000, 1500, "-50.0%"), (10_000, 10_001, "0.0%")],
)
def test_share_saved(bytes_in: int, bytes_out: int, share: str) -> None:
    assert saved_share(bytes_in, bytes_out) == share
