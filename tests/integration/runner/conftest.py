"""A real S3 for the session, a fresh image host for each test, builders over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.imagehost import ImageHost
from support.runnerbatch import RunnerBatch
from support.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def s3() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture
def host() -> Iterator[ImageHost]:
    with ImageHost() as server:
        yield server


@pytest.fixture
def batch(s3: SeaweedFS, tmp_path: Path) -> Callable[..., RunnerBatch]:
    """``batch(csv_text, imagesPerShard=10, …)``."""

    def build(text: str, **job: Any) -> RunnerBatch:
        return RunnerBatch.of(s3, tmp_path, text, **job)

    return build
