"""Two clusters on one part of a bucket: neither sees the other's batches, so nothing is removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from imagebatch_sweep.bucket import Bucket, Stored
from imagebatch_sweep.run import AnotherCluster, sweep
from imagebatch_sweep.settings import Settings

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SETTINGS = Settings(store="s3://pictures/team", namespace="shop")


class Keys(Bucket):
    """The keys of a bucket, with the times at which they were written."""

    def __init__(self) -> None:
        self.keys: dict[str, datetime] = {}
        self.now = NOW

    def folders(self, prefix: str) -> list[str]:
        return []

    def objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        yield from [(key, at) for key, at in self.keys.items() if key.startswith(prefix)]

    def unfinished(self, prefix: str) -> list[object]:  # type: ignore[override]
        return []

    def get(self, key: str) -> Stored | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        self.keys[key] = self.now

    def sweep(self, cluster: str | None, *, dry_run: bool = False) -> None:
        sweep(self, list, SETTINGS, self.now, dry_run=dry_run, cluster=cluster)


def test_of_two_clusters_that_begin_at_once_both_stop() -> None:
    bucket = Keys()
    bucket.sweep("a")
    for cluster in ("b", "a"):
        with pytest.raises(AnotherCluster, match="give each cluster its own bucket"):
            bucket.sweep(cluster)


def test_a_cluster_that_is_gone_counts_for_a_week() -> None:
    bucket = Keys()
    bucket.sweep("a")
    bucket.now += timedelta(days=6)
    with pytest.raises(AnotherCluster):
        bucket.sweep("b")
    bucket.now += timedelta(days=1)
    bucket.sweep("b")


def test_a_dry_run_leaves_no_mark_and_a_server_without_a_ca_is_no_cluster() -> None:
    bucket = Keys()
    bucket.sweep("a", dry_run=True)
    bucket.sweep(None)
    assert list(bucket.keys) == ["team/shop/sweep.json"]
    bucket.sweep("b")
