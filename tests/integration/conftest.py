"""A real S3 for the session, and a fresh image host for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.imagehost import ImageHost
from support.runnerbatch import end_steps
from support.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def s3() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture(autouse=True)
def steps_end_with_their_test() -> Iterator[None]:
    yield
    end_steps()


@pytest.fixture
def host() -> Iterator[ImageHost]:
    with ImageHost() as server:
        yield server
