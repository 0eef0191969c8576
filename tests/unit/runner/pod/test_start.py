"""What a pod loads before its first work: nothing happens to images until a pod has started."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = """
import sys
from imagebatch_core.job import Step
from imagebatch_runner.pod import run_step
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("module", ["aiohttp", "PIL", "typer", "rich", "imagebatch_runner.cli"])
def test_plan_and_collect_start_without_what_they_do_not_use(loaded: set[str], module: str) -> None:
    assert module not in loaded


def test_the_modules_of_plan_and_collect_are_loaded(loaded: set[str]) -> None:
    assert {"imagebatch_runner.steps.plan", "imagebatch_runner.steps.collect"} <= loaded
