"""Divide the shards of a batch among its Jobs; ``chunk`` numbers the Jobs from 0."""

from __future__ import annotations

from typing import Final

#: The most indexes of one Job; above this number Kubernetes' limits for Indexed Jobs apply.
SHARDS_PER_JOB: Final = 10_000


def first_shard(chunk: int) -> int:
    """Return the shard number of a Job's completion index 0."""
    return chunk * SHARDS_PER_JOB


def chunk_size(total: int, chunk: int) -> int:
    """Return the number of shards of one Job."""
    return min(SHARDS_PER_JOB, total - first_shard(chunk))
