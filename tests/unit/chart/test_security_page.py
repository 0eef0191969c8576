"""docs/security.md names tests that exist, and values of the chart that exist."""

from __future__ import annotations

import re

import pytest
import yaml

from .conftest import CHART, ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", PAGE)))
SECTIONS = yaml.safe_load((CHART / "values.yaml").read_text())
VALUES = sorted(
    value
    for value in set(re.findall(r"`([a-zA-Z0-9]+(?:\.[a-zA-Z0-9]+)+)(?:: [a-z]+)?`", PAGE))
    if value.partition(".")[0] in SECTIONS
)


def test_every_threat_has_a_test() -> None:
    rows = PAGE.partition("## Threats")[2].partition("\n## ")[0]
    threats = [row for row in rows.splitlines() if row.startswith("|")][2:]
    assert len(threats) > 15
    assert [row for row in threats if not re.search(r"`tests/[^`]+`", row)] == []


@pytest.mark.parametrize("path", TESTS)
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("value", VALUES)
def test_every_value_that_it_names_is_one_of_the_chart(value: str) -> None:
    found = SECTIONS
    for key in value.split("."):
        assert key in found, value
        found = found[key]
