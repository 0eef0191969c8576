"""How the shards of a batch are spread over its Jobs, which are numbered as chunks from 0."""

from __future__ import annotations

from typing import Final

#: Indexes of one Job; upstream's limits begin to bite above it.
SHARDS_PER_JOB: Final = 10_000


def first_shard(chunk: int) -> int:
    """Shard number of a Job's completion index 0."""
    return chunk * SHARDS_PER_JOB


def chunk_size(total: int, chunk: int) -> int:
    """Shards of one of the Jobs."""
    return min(SHARDS_PER_JOB, total - first_shard(chunk))
