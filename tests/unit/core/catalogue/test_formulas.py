"""Claims about cells that a spreadsheet would run: those alone get an apostrophe."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.catalogue.formulas import neutralise_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "=HYPERLINK(A1)", "=", "@SUM(A1)", "@", "\t=1", "\r=1", "\n=1", "\0=1", "\tx",
        "＝1+1", "＠SUM(A1)", "＋cmd|' /C calc'!A0", "－cmd|' /C calc'!A0",
        "+cmd|' /C calc'!A0", "-cmd|' /C calc'!A0", "-2+3", "+1-2", "-(1)", "--1", "+A1", "-A1",
        "-12.5+cmd|' /C calc'!A0", "+49 30 1234+A1", "-1\n=2", "+49 30 1234\n", "- red",
        "-12,5 EUR", "+1*555*1234", "-1=2",
    ],
)  # fmt: skip
def test_cell_that_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert neutralise_cell(text) == "'" + text


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "a=1", " =1", "'=1", "''", "12.5", "1-2", "x+y", "https://a/1.jpg?a=1",
        "-12.5", "-12,5", "+5", "-5%", "-1 234,50", "-1'234.50", "-1\u202f234,50 €", "-€5", "- 5",
        "-.5", "+1e6", "-1.5E-7", "-", "+", "－12.5", "＋5",
        "+49 30 1234567", "+49 (0)30 / 12 34-56", "+1 (555) 123-4567", "+1-555-123-4567",
        "+1.555.123.4567", "+(49) 30 1234", "+4930123456", "＋81 3 1234 5678", "+49\xa030\xa01234",
    ],
)  # fmt: skip
def test_every_other_cell_is_as_it_was(text: str) -> None:
    assert neutralise_cell(text) == text


@given(st.text(st.sampled_from("=+-@＝＋－＠\t\r\n\0'1a. ()"), max_size=8))
def test_what_comes_out_never_runs_and_differs_by_an_apostrophe_at_most(text: str) -> None:
    safe = neutralise_cell(text)
    assert safe in (text, "'" + text)
    if safe == text and text[:1] in "=@＝＠\t\r\n\0":
        assert text == ""
    assert neutralise_cell(safe) == safe


@pytest.mark.parametrize(
    "text", ["+1" * 500_000, "+" + "1 " * 500_000 + "x", "-" + "1" * 1_000_000 + "x"]
)
def test_long_cells_are_judged_in_linear_time(text: str) -> None:
    begin = time.process_time()
    neutralise_cell(text)
    assert time.process_time() - begin < 2
