"""Logs of all components: one line an event, in JSON or as text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from imagebatch_core import logs


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """What a test sets on the root logger is undone: pytest's own handlers lie there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_line_of_json_with_its_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    logging.getLogger("imagebatch.x").warning("två\nlines", extra={"shard": 3})
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)

    assert told.pop("time").startswith("2")
    assert told == {
        "level": "warning",
        "logger": "imagebatch.x",
        "message": "två\nlines",
        "shard": 3,
    }
    assert "två" in line


def test_an_exception_is_part_of_its_line() -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    (line,) = stream.getvalue().splitlines()

    assert "RuntimeError: broken" in json.loads(line)["exception"]


@pytest.mark.parametrize("logger", ["uvicorn.error", "asyncio", "aiohttp.server"])
def test_what_libraries_log_has_the_same_form(logger: str) -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    logging.getLogger(logger).error("Started %d", 1, extra={"color_message": "\x1b[36m"})
    told = json.loads(stream.getvalue())

    assert (told["logger"], told["message"]) == (logger, "Started 1")
    assert "color_message" not in told


def test_text_is_for_people_and_the_level_counts() -> None:
    stream = io.StringIO()
    logs.configure("warning", "text", stream)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")

    assert stream.getvalue().rstrip().endswith("WARNING x: loud")
    assert len(stream.getvalue().splitlines()) == 1


def test_text_has_the_fields_of_an_event_on_its_line() -> None:
    stream = io.StringIO()
    logs.configure("info", "text", stream)
    logging.getLogger("access").info("request", extra={"path": "/a\nb", "status": 404})
    (line,) = stream.getvalue().splitlines()

    assert line.endswith('INFO access: request path="/a\\nb" status=404')
