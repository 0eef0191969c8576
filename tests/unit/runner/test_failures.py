from __future__ import annotations

import pytest

from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_runner.failures import ImageFailed


@pytest.mark.parametrize("quoted", ["\udcff\udcfe", "a\r\nb\0c\x1b[31m", "\u202e", "x" * 5000])
def test_whatever_a_failure_quotes_can_be_recorded_and_read_again_as_one_short_line(
    quoted: str,
) -> None:
    failure = ImageFailed(ErrorCode.HTTP_STATUS, f"404 {quoted}")
    result = ImageResult.failure(ShardItem(1, 1, "http://a"), failure.code, failure.message)
    line = result.to_line().encode()
    assert ImageResult.from_line(line) == result
    assert line.count(b"\n") == 1
    assert failure.message.startswith("404 ")
    assert failure.message.isprintable()
    assert len(result.error_message or "") <= 300


def test_text_of_other_languages_stays() -> None:
    assert ImageFailed(ErrorCode.HTTP_STATUS, "404 nicht möglich 画像").message.endswith(
        "möglich 画像"
    )
