"""A real S3 for the session, and a fresh image host for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.imagehost import ImageHost
from support.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def s3() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture
def host() -> Iterator[ImageHost]:
    with ImageHost() as server:
        yield server
