"""Which images plan puts into which shard."""

from __future__ import annotations

import random
from collections import Counter
from itertools import chain
from math import ceil

import pytest

from imagebatch_core.results import ShardItem
from imagebatch_runner.steps.groups import groups_of, host_of, shards_of, shards_per_group
from imagebatch_runner.steps.sharding import from_lines


def lines(*hosts: str) -> list[bytes]:
    """The lines of one image of each host."""
    return [
        ShardItem(row, 1, f"https://{host}/{row}.jpg").to_line().encode()
        for row, host in enumerate(hosts, start=1)
    ]


def rows(shard: bytes) -> list[int]:
    return [item.row for item in from_lines(shard)]


def hosts_of(shard: bytes) -> Counter[bytes]:
    return Counter(map(host_of, shard.splitlines()))


def test_in_groups_of_one_shard_each_has_images_in_a_row() -> None:
    shards = list(shards_of(lines(*"abcabca"), 3, 1))
    assert list(map(rows, shards)) == [[1, 2, 3], [4, 5, 6], [7]]
    assert list(shards_of([], 3, 1)) == []
    assert list(shards_of([], 3, 2)) == []


def test_images_of_one_host_stay_in_a_row() -> None:
    shards = list(shards_of(lines(*"aaaaaaa"), 3, 3))
    assert list(map(rows, shards)) == [[1, 2, 3], [4, 5, 6], [7]]


def test_each_shard_of_a_group_has_its_share_of_each_host() -> None:
    shards = list(shards_of(lines(*"aaaaaabbbbbbcccccc"), 6, 3))
    assert [hosts_of(shard) for shard in shards] == [{b"a": 2, b"b": 2, b"c": 2}] * 3
    assert rows(shards[0]) == [1, 2, 7, 8, 13, 14]


def test_a_url_that_is_repeated_in_rows_that_follow_each_other_stays_in_few_shards() -> None:
    """Variants of a product often have the same images; a shard fetches each URL once."""
    urls = [f"https://h{n // 60}.example/{n // 3}.jpg" for n in range(180)]
    given = [ShardItem(row, 1, url).to_line().encode() for row, url in enumerate(urls, start=1)]
    shards = list(shards_of(given, 45, 4))
    fetched = sum(len({item.url for item in from_lines(shard)}) for shard in shards)
    borders = 3 * 3  # of three hosts between four shards
    assert len(set(urls)) <= fetched <= len(set(urls)) + borders


def test_a_group_has_the_images_of_its_place_in_the_input() -> None:
    groups = list(groups_of(lines(*"abcabcabcabcab"), 3, 2))
    assert [sorted(chain(*map(rows, group))) for group in groups] == [
        list(range(1, 7)),
        list(range(7, 13)),
        [13, 14],
    ]


@pytest.mark.parametrize("seed", range(40))
def test_sizes_are_exact_and_hosts_are_spread_whatever_the_catalogue(seed: int) -> None:
    chance = random.Random(seed)
    size, per_group = chance.randrange(1, 40), chance.randrange(1, 9)
    count = chance.randrange(1, 4 * size * per_group)
    names = [f"h{chance.randrange(1 + seed % 7)}" for _ in range(count)]
    if seed % 2:
        names.sort()
    given = lines(*names)
    groups = list(groups_of(given, size, per_group))
    shards = [shard for group in groups for shard in group]
    assert shards == list(shards_of(given, size, per_group))
    assert len(shards) == ceil(count / size)
    assert [len(rows(shard)) for shard in shards[:-1]] == [size] * (len(shards) - 1)
    assert sorted(chain(*map(rows, shards))) == list(range(1, count + 1))
    for group in groups:
        assert all(rows(shard) == sorted(rows(shard)) for shard in group)
        full = [hosts_of(shard) for shard in group if len(rows(shard)) == size]
        present = {host for shard in group for host in hosts_of(shard)}
        if len(present) == 1 or len(group) == 1:
            continue
        for host in present:
            counts = [shard[host] for shard in full]
            assert max(counts) - min(counts) <= 1
        last = group[-1]
        for host, images in hosts_of(last).items():
            whole = sum(hosts_of(shard)[host] for shard in group)
            share = whole * len(rows(last)) / sum(len(rows(shard)) for shard in group)
            assert abs(images - share) <= 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Shop.example/a.jpg", b"shop.example"),
        ("http://shop.example:8080?a=b/c", b"shop.example:8080"),
        ("HTTPS://shop.example#x", b"shop.example"),
        ("s3://photos/a/b.jpg", b"photos"),
        ("//shop.example/a.jpg", b"shop.example"),
        ('https://shop.example"/a.jpg', b"shop.example\\"),
        ("nonsense", b"nonsense"),
        ("", b""),
    ],
)
def test_the_host_of_a_line(url: str, host: bytes) -> None:
    assert host_of(ShardItem(12, 3, url).to_line().encode()) == host


@pytest.mark.parametrize(
    ("shards", "per_shard", "group"),
    [
        (1, 500, 1),
        (4, 1250, 4),  # one wave at the default parallelism
        (4, 5000, 4),
        (12, 4167, 4),
        (200, 5000, 4),
        (8, 3125, 4),  # two groups of four, not one of six and one of two
        (100, 500, 34),
        (1000, 10, 63),
        (100, 10_000, 2),
        (100, 10_001, 1),  # collect holds no more than one such shard
        (10, 100_000, 1),
    ],
)
def test_groups_are_bounded_and_about_equal(shards: int, per_shard: int, group: int) -> None:
    assert shards_per_group(shards, per_shard) == group
