from __future__ import annotations

import pytest

from imagebatch_core.keys import (
    BatchKeys,
    ImageKey,
    is_below,
    parse_image_key,
    store_prefix,
    upload_key,
)
from imagebatch_core.object_names import PartKey, parse_part_key

UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SHA = "ab" * 32
KEYS = BatchKeys.of("shop", UID)


@pytest.mark.parametrize("namespace", ["shop", "a", "team-1", "n" * 63])
def test_the_key_of_an_output_tells_its_namespace_hash_and_extension(namespace: str) -> None:
    key = BatchKeys.of(namespace, UID).image(10_000_000, 12, SHA, "webp")

    assert parse_image_key(key) == ImageKey(namespace, SHA, "webp")


@pytest.mark.parametrize(
    "key",
    [
        KEYS.input,
        KEYS.owner,
        KEYS.report_csv,
        KEYS.shard(1),
        KEYS.part(1, "pod", 2),
        upload_key("shop", UID, "00"),
        BatchKeys("").image(1, 1, SHA, "jpg"),
        BatchKeys.of("n" * 64, UID).image(1, 1, SHA, "jpg"),
        KEYS.image(1, 1, SHA, "jpg") + "\n",
        KEYS.image(1, 1, SHA.upper(), "jpg"),
        KEYS.image(1, 1, SHA[:-1], "jpg"),
    ],
)
def test_no_other_key_is_one_of_an_output(key: str) -> None:
    assert parse_image_key(key) is None


@pytest.mark.parametrize("rows", [None, (7, 12), (1, 10_000_000)])
@pytest.mark.parametrize("writer", [UID, "pod", "a-1"])
def test_the_key_of_a_part_tells_its_writer_its_number_and_its_rows(
    writer: str, rows: tuple[int, int] | None
) -> None:
    key = KEYS.part(3, writer, 1_000_012, rows)
    assert parse_part_key(key) == PartKey(writer, 1_000_012, *(rows or (None, None)))


def test_parts_of_a_pod_sort_by_their_numbers_whatever_their_rows() -> None:
    rows = [(900, 1000), (1, 2), (50, 60)]
    keys = [KEYS.part(0, "pod", number, found) for number, found in enumerate(rows)]
    assert sorted(keys) == keys
    assert parse_part_key(KEYS.shard(1)) is None


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("s3://pictures", ""),
        ("s3://pictures/", ""),
        ("s3://pictures/team", "team/"),
        ("s3://pictures/team/a/", "team/a/"),
        ("file:///data/store", ""),
        ("memory://", ""),
    ],
)
def test_the_prefix_of_a_store_is_what_follows_the_bucket(url: str, prefix: str) -> None:
    assert store_prefix(url) == prefix
    made = BatchKeys.of("shop", UID, prefix)
    assert made.root == f"{prefix}shop/{UID}/"
    assert made.prefix == prefix
    assert BatchKeys.at(made.root, "shop") == made
    assert parse_image_key(made.image(1, 1, SHA, "jpg")) == ImageKey("shop", SHA, "jpg")


@pytest.mark.parametrize(
    "root",
    [
        "studio/uid/",
        "team/studio/uid/",
        "shop/uid",
        "shop/",
        "/shop/uid/",
        "a/../shop/uid/",
        "workshop/uid/",
        "shop/uid/images/",
        "shop/uploads/",
        "",
    ],
)
def test_a_recorded_root_outside_of_the_namespace_is_refused(root: str) -> None:
    with pytest.raises(ValueError, match="no root of a batch of the namespace shop"):
        BatchKeys.at(root, "shop")


@pytest.mark.parametrize("prefix", ["feeds/shop", "feeds/shop/"])
def test_a_prefix_covers_what_lies_below_it_and_none_of_its_neighbours(prefix: str) -> None:
    assert is_below("feeds/shop/a.csv", prefix)
    assert is_below("feeds/shop", prefix)
    assert not is_below("feeds/shopping/a.csv", prefix)
    assert not is_below("feeds/shop.csv", prefix)
    assert not is_below("feeds", prefix)


def test_all_keys_of_a_namespace_lie_below_its_name() -> None:
    keys = (upload_key("shop", UID, "00"), KEYS.owner, KEYS.part(0, "pod", 1))
    assert all(is_below(key, "shop") for key in keys)


def test_no_way_up_is_part_of_the_key_of_an_output() -> None:
    assert parse_image_key("a/../" + KEYS.image(1, 1, SHA, "jpg")) is None
    assert parse_image_key("/" + KEYS.image(1, 1, SHA, "jpg")) is None
