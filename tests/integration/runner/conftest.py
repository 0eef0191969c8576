"""Builders of batches in the session's S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.runnerbatch import RunnerBatch
from support.seaweedfs import SeaweedFS


@pytest.fixture
def batch(s3: SeaweedFS, tmp_path: Path) -> Callable[..., RunnerBatch]:
    """``batch(csv_text, imagesPerShard=10, …)``."""

    def build(text: str, **job: Any) -> RunnerBatch:
        return RunnerBatch.of(s3, tmp_path, text, **job)

    return build
