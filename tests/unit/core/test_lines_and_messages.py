"""Lines of shards and parts, and the runner's message, come back as they were written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.job import MESSAGE_LIMIT, Estimate, RunnerMessage, Step, Totals
from imagebatch_core.reasons import Reason
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem

COUNT = st.integers(min_value=0, max_value=10**12)
MAYBE_COUNT = st.none() | COUNT
#: Line ends that Python's str.splitlines knows and JSON does not escape are what breaks files.
TEXT = st.text(max_size=60) | st.sampled_from(["\x85", "\u2028", "\u2029", "\x1c", "a\r\nb", "\0"])
MAYBE_TEXT = st.none() | TEXT
ITEMS = st.builds(ShardItem, row=COUNT, position=COUNT, url=TEXT)


@st.composite
def results(draw: st.DrawFn) -> ImageResult:
    """Any result, of all fields that the class has."""
    known: dict[str, st.SearchStrategy[Any]] = {
        "row": COUNT,
        "position": COUNT,
        "input_url": TEXT,
        "status": st.sampled_from(ImageStatus),
        "error_code": st.none() | st.sampled_from(ErrorCode),
        "retryable": st.booleans(),
        "attempts": COUNT,
    }
    counts = {"http_status", "bytes_in", "bytes_out", "width", "height"}
    fields = {
        name: draw(known.get(name, MAYBE_COUNT if name in counts else MAYBE_TEXT))
        for name in ImageResult.__dataclass_fields__
    }
    return ImageResult(**fields)


@given(st.lists(ITEMS, max_size=5))
def test_lines_of_a_shard_come_back_one_for_each_image(items: list[ShardItem]) -> None:
    lines = "".join(item.to_line() for item in items).encode().splitlines()
    assert [ShardItem.from_line(line) for line in lines] == items


@pytest.mark.slow
@given(st.lists(results(), max_size=5))
def test_lines_of_a_part_come_back_one_for_each_result(written: list[ImageResult]) -> None:
    lines = "".join(result.to_line() for result in written).encode().splitlines()
    assert [ImageResult.from_line(line) for line in lines] == written


def test_a_message_of_a_newer_runner_is_read_whatever_its_reason_and_fields() -> None:
    written = {"step": "plan", "error": "no", "reason": "SourcesAsleep", "asleep": ["a.example"]}
    message = RunnerMessage.model_validate(written)
    assert (message.reason, message.error) == ("SourcesAsleep", "no")
    assert RunnerMessage.model_validate(written | {"reason": "PlanFailed"}).reason is (
        Reason.PLAN_FAILED
    )


@given(results())
def test_line_of_the_report_has_the_documented_names(result: ImageResult) -> None:
    line = json.loads(result.to_line())
    documented = {
        "row", "position", "input_url", "output_url", "status", "error_code", "retryable",
        "http_status", "attempts", "bytes_in", "bytes_out", "width", "height", "source_sha256",
    }  # fmt: skip
    assert documented <= set(line)


MESSAGES = st.builds(
    RunnerMessage,
    step=st.sampled_from(Step),
    error=st.none() | st.text(max_size=2000) | st.just("\0" * 2000) | st.just("🐈" * 2000),
    reason=st.none() | st.sampled_from(Reason),
    products=COUNT,
    images=COUNT,
    shards=COUNT,
    row_problems=COUNT,
    input_sha256=st.none() | st.just("a" * 64),
    totals=st.none() | st.builds(Totals, succeeded=COUNT, failed=COUNT, bytes_in=COUNT),
    report_key=st.none() | st.text("ab1-/.", max_size=200),
    report_sha256=st.none() | st.just("b" * 64),
)


@pytest.mark.parametrize("character", ["x", "é", "商", "🐈", "\0", '"'])
def test_the_longest_message_of_plan_fits(character: str) -> None:
    text = character * 5000
    message = RunnerMessage(
        step=Step.COLLECT, error=text, products=10**9, images=10**9, shards=10**9,
        row_problems=10**9, input_sha256="a" * 64, notices=[text] * 20, reuse=text,
        totals=Totals(succeeded=10**9, failed=10**9, bytes_in=10**15, bytes_out=10**15),
        estimate=Estimate(
            images=10**9, bytes_in=10**15, bytes_out=10**15, seconds=10**6, sampled=24, failed=24
        ),
        report_key="k" * 1024, report_sha256="b" * 64,
    )  # fmt: skip
    written = message.to_json()
    assert len(written.encode()) <= MESSAGE_LIMIT
    back = RunnerMessage.model_validate_json(written)
    assert len(back.notices) == 8
    assert all(text.startswith(one.removesuffix("…")) for one in back.notices)
    assert back.totals == message.totals


@given(MESSAGES)
def test_message_fits_and_comes_back_but_for_the_end_of_a_long_error(
    message: RunnerMessage,
) -> None:
    text = message.to_json()
    assert len(text.encode()) <= MESSAGE_LIMIT
    back = RunnerMessage.model_validate_json(text)
    if back != message:
        assert back.error is not None
        assert message.error is not None
        assert message.error.startswith(back.error.removesuffix("…"))
        assert back.model_copy(update={"error": message.error}) == message


@given(results())
def test_fields_that_a_newer_runner_added_to_a_result_are_ignored(result: ImageResult) -> None:
    newer = json.loads(result.to_line()) | {"later": "than this"}
    assert ImageResult.from_line(json.dumps(newer)) == result
