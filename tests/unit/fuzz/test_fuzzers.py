"""The coverage-guided fuzzers, some seconds each, side by side; ``make fuzz`` takes longer."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz import seeds
from fuzz.targets import TARGETS

TESTS = Path(__file__).parents[2]
SECONDS = int(os.environ.get("FUZZ_SECONDS") or 15)


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzers_begin_with_is_always_the_same_and_has_no_fault(target: str) -> None:
    corpus = seeds.of(target)
    assert corpus == seeds.of(target)
    for seed in corpus:
        TARGETS[target](seed)


@pytest.fixture(scope="module")
def fuzzers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, str]]]:
    """Exit code and output of each."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this platform")
    findings = tmp_path_factory.mktemp("findings")
    running: dict[str, subprocess.Popen[str]] = {}
    outputs = {target: findings / f"{target}.log" for target in TARGETS}
    try:
        for target, output in outputs.items():
            with output.open("w") as log:
                running[target] = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "fuzz", target),
                        *("--seconds", str(SECONDS), "--findings", str(findings)),
                    ],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env=os.environ | {"PYTHONPATH": str(TESTS)},
                )
        yield {
            target: (process.wait(SECONDS + 240), outputs[target].read_text(errors="replace"))
            for target, process in running.items()
        }
    finally:
        for process in running.values():
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_makes_a_fault(fuzzers: dict[str, tuple[int, str]], target: str) -> None:
    code, output = fuzzers[target]
    assert code == 0, output[-4000:]
    runs = re.search(r"number_of_executed_units: (\d+)", output)
    assert runs is not None, output[-4000:]
    assert int(runs[1]) > 2 * len(seeds.of(target))
