from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pytest

from imagebatch_runner.workers import memfile


@pytest.fixture
def out() -> Iterator[BinaryIO]:
    """Where outputs go: an unbuffered file, as in a decoder."""
    with open(memfile.create("test"), "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file
