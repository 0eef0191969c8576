"""Every field of the CRD's spec has a test that fails if the field has no effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.places import ROOT
from support.fieldwalk import leaves, marked_tests

FIELDS = tuple(leaves())


def test_the_walk_finds_fields_at_all_depths() -> None:
    assert {"spec.cancel", "spec.output.quality", "spec.runner.tolerations[].key"} <= set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_has_a_test_that_is_marked_with_it(field: str) -> None:
    advice = f'mark a test that needs it: @pytest.mark.field("{field}")'
    assert marked_tests().get(field), advice


def test_no_mark_names_a_field_that_does_not_exist() -> None:
    assert set(marked_tests()) <= set(FIELDS)


@pytest.mark.slow
def test_marked_tests_fail_when_their_field_is_ignored(tmp_path: Path) -> None:
    """Of the unit tests: those of other tiers run the components as processes of their own."""
    marked = {
        field: {test for test in tests if test.startswith("tests/unit/")}
        for field, tests in marked_tests().items()
    }
    files = sorted({test.partition("::")[0] for tests in marked.values() for test in tests})
    told = tmp_path / "ignored.json"
    command = [sys.executable, "-m", "pytest", "-p", "support.ignored_fields", "-m", "field", "-q"]
    done = subprocess.run(
        [*command, *files],
        cwd=ROOT,
        env={**os.environ, "IMAGEBATCH_IGNORED_FIELDS": str(told), "PYTHONPATH": "tests:dev"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.exists(), done.stdout + done.stderr
    found = json.loads(told.read_text())
    assert {field: set(tests) for field, tests in found.items()} == {
        field: tests for field, tests in marked.items() if tests
    }
    unmoved = [
        f"{test} passes without {field}"
        for field, tests in found.items()
        for test, failed in tests.items()
        if not failed
    ]
    assert unmoved == []
