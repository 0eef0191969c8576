"""Lines of parts that the reports repeat: passed on unchanged, or parsed and written again."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus
from imagebatch_runner.steps.result_lines import ResultLine, line_of, results_in

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "\\", '\\"', "/", "\n", "\x7f", "é", "\u2028", "https://a.example/b.jpg?c=1"]
)
NUMBER = st.none() | st.integers(min_value=0)
RESULT = st.builds(
    ImageResult,
    row=st.integers(min_value=1),
    position=st.integers(min_value=1),
    input_url=TEXT,
    status=st.sampled_from(ImageStatus),
    output_url=st.none() | TEXT,
    output_key=st.none() | TEXT,
    error_code=st.none() | st.sampled_from(ErrorCode),
    error_message=st.none() | TEXT,
    retryable=st.booleans(),
    http_status=NUMBER,
    attempts=st.integers(min_value=0),
    bytes_in=NUMBER,
    bytes_out=NUMBER,
    width=NUMBER,
    height=NUMBER,
    source_sha256=st.none() | TEXT,
    etag=st.none() | TEXT,
    last_modified=st.none() | TEXT,
    final_url_sha256=st.none() | TEXT,
    recorded_at=st.none() | TEXT,
)
DONE = ImageResult(
    row=12,
    position=3,
    input_url="https://shop.example/ä/1.jpg?w=300,h=300",
    status=ImageStatus.SUCCEEDED,
    output_url="https://files.example/12-3-ab.jpg",
    output_key="shop/uid/images/12-3-ab.jpg",
    http_status=200,
    attempts=1,
    bytes_in=265_441,
    bytes_out=81_204,
    width=1224,
    height=816,
    source_sha256="ab" * 32,
    etag='W/"5e1-\\"x"',
    last_modified="Sat, 28 Nov 2026 10:00:00 GMT",
    recorded_at="2026-11-28T10:00:00Z",
)


@given(st.lists(RESULT, max_size=4))
def test_each_line_is_the_one_that_parsing_and_writing_it_gives(results: list[ImageResult]) -> None:
    found = list(results_in("".join(result.to_line() for result in results).encode()))
    assert [line_of(one) for one in found] == [result.to_line().encode() for result in results]
    for one, result in zip(found, results, strict=True):
        names = one._fields[:-1] if isinstance(one, ResultLine) else [f.name for f in fields(one)]
        assert [getattr(one, n) for n in names] == [getattr(result, n) for n in names]


@pytest.mark.parametrize("status", sorted(ImageStatus))
def test_only_a_line_with_an_output_is_passed_on_unparsed(status: ImageStatus) -> None:
    failed = status is ImageStatus.FAILED
    code = ErrorCode.TIMEOUT if failed else None
    line = replace(DONE, status=status, error_code=code).to_line().encode()
    assert [isinstance(one, ResultLine) for one in results_in(line)] == [not failed]


@pytest.mark.parametrize(
    "changed",
    [
        {"recorded_at": ...},  # of an earlier release, without the field
        {"colours": 3},  # of a later release
        {"input_url": "a\x01b"},
        {"output_url": 'https://files.example/"1".jpg'},
    ],
)
def test_a_line_of_another_form_is_written_again(changed: dict[str, object]) -> None:
    facts = {**json.loads(DONE.to_line()), **changed}
    line = json.dumps({name: value for name, value in facts.items() if value is not ...}).encode()
    (found,) = results_in(line)
    assert isinstance(found, ImageResult)
    assert line_of(found) == ImageResult.from_line(line).to_line().encode()


def test_a_line_without_its_end_gets_one() -> None:
    line = DONE.to_line().encode()
    assert [line_of(one) for one in results_in(line + line[:-1])] == [line, line]


def test_a_line_of_many_escapes_is_judged_in_one_pass() -> None:
    result = replace(DONE, input_url='\\"' * 200_000 + "\x01")
    (found,) = results_in(result.to_line().encode())
    assert found == result
