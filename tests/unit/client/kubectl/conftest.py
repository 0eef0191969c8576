"""A kubectl that stands for a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unit.client.kubectl.cluster import StandIn


@pytest.fixture
def standin(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    def wait(found: Callable[[], Any]) -> Any:
        end = time.monotonic() + 30
        while not (value := found()):
            assert time.monotonic() < end
            time.sleep(0.05)
        return value

    return wait
