"""Which images of a batch are its sample."""

from __future__ import annotations

import itertools

import pytest

from imagebatch_core.results import ShardItem
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.steps.kept_sources import needs_credentials
from imagebatch_runner.steps.sample import evenly, in_shard


@pytest.mark.parametrize("images", [1, 5, 24, 25, 1000, 10_000_000])
def test_a_sample_is_spread_evenly_and_names_each_image_once(images: int) -> None:
    numbers = evenly(images, 24)
    assert len(numbers) == len(set(numbers)) == min(images, 24)
    assert all(0 <= number < images for number in numbers)
    gaps = [after - before for before, after in itertools.pairwise(numbers)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_no_sample_is_taken_where_none_is_wanted() -> None:
    assert evenly(1000, 0) == ()
    assert evenly(0, 24) == ()


def test_each_shard_finds_its_images_of_the_sample() -> None:
    places = [(row, position) for row in range(1, 14) for position in (1, 2)][:25]
    items = [ShardItem(row, position, f"http://x/{row}") for row, position in places]
    sample = [places[number] for number in evenly(25, 6)]
    found = [in_shard(sample, items[shard::3]) for shard in range(3)]
    assert frozenset().union(*found) == set(sample)
    assert sum(map(len, found)) == 6


def test_images_in_s3_and_of_hosts_with_credentials_need_credentials() -> None:
    credentials = Credentials.parse('{"img.example.com": {"headers": {"X-Key": "secret"}}}')
    assert needs_credentials("s3://bucket/a.jpg", credentials)
    assert needs_credentials("https://img.example.com/a.jpg", credentials)
    assert not needs_credentials("https://other.example.com/a b.jpg", credentials)
    assert not needs_credentials("https://img.example.com/a.jpg", Credentials())
