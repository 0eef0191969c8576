"""The table of error codes in the documents says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagebatch_core.environment import variable
from imagebatch_core.results import ErrorCode
from imagebatch_runner.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "runner.md"
ROW = re.compile(r"^\| `(?P<code>[a-z_]+)` \| (?P<retryable>yes|no) \| (?P<meaning>\S.*) \|$", re.M)


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[bool, str]]:
    """By code: whether it is retryable, and what it means."""
    section = PAGE.read_text().partition("## Error codes of an image")[2].partition("\n## ")[0]
    found = ROW.findall(section)
    table = {code: (retryable == "yes", meaning) for code, retryable, meaning in found}
    assert len(table) == len(found)
    return table


def test_every_code_is_documented_once_and_no_other(rows: dict[str, tuple[bool, str]]) -> None:
    assert list(rows) == [code.value for code in ErrorCode]


@pytest.mark.parametrize("code", ErrorCode)
def test_documented_code_tells_its_meaning_and_whether_it_is_retryable(
    rows: dict[str, tuple[bool, str]], code: ErrorCode
) -> None:
    retryable, meaning = rows[code.value]
    assert retryable is code.retryable
    assert meaning.endswith(".")
    assert len(meaning.split()) >= 4


def test_settings_that_the_meanings_name_exist(rows: dict[str, tuple[bool, str]]) -> None:
    settings = {variable(field) for field in Settings.model_fields}
    named = {n for _, meaning in rows.values() for n in re.findall(r"IMAGEBATCH_\w+", meaning)}
    assert named
    assert named <= settings
