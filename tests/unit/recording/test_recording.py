"""Recordings: what becomes a frame, and the SVG that shows them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pyte
import pytest

from recording.frames import LONGEST_PAUSE, Frame, Frames, Run
from recording.session import Session
from recording.svg import draw

SVG = "{http://www.w3.org/2000/svg}"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_quick_changes_become_one_frame_and_long_pauses_are_cut(clock: Clock) -> None:
    screen = pyte.Screen(10, 2)
    stream = pyte.Stream(screen)
    frames = Frames(screen, clock)
    for seconds, text in ((1.0, "a"), (0.01, "b"), (60.0, "c")):
        clock.now += seconds
        stream.feed(text)
        frames.take()
    frames.hold(2.0)
    texts = ["".join(run.text for run in frame.lines[0]).strip() for frame in frames.taken]
    assert texts == ["", "a", "abc"]
    assert [frame.seconds for frame in frames.taken] == [1.0, LONGEST_PAUSE, 2.0]


def test_cells_that_look_the_same_are_one_run(clock: Clock) -> None:
    screen = pyte.Screen(20, 1)
    pyte.Stream(screen).feed("ab \x1b[1;32mcd\x1b[0m  ")
    frames = Frames(screen, clock)
    frames.hold(1.0)
    assert frames.taken[0].lines == (
        (Run(0, "ab ", "default", False), Run(3, "cd", "green", True)),
    )


def test_the_svg_shows_each_frame_for_its_time_and_draws_equal_lines_once() -> None:
    line = (Run(0, "<a> & b", "default", False),)
    other = (Run(2, "c", "green", True),)
    svg = draw([Frame((line, other), 1.0), Frame((line, ()), 3.0)], 10, 2, 'A "title"')
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert root.attrib["aria-label"] == 'A "title"'
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<a> & b", "c"]
    used = [use.attrib["href"] for use in root.iter(f"{SVG}use")]
    assert len(used) == 3
    assert used[0] == used[2]
    assert "4.00s steps(1, end)" in svg
    assert re.findall(r"([\d.]+)% \{ transform", svg) == ["0.000", "25.000"]
    assert "prefers-reduced-motion" in svg
    assert not any(name in svg for name in ("<script", "http://127", "<image"))


def test_a_session_types_runs_and_returns_what_was_written(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    with Session(tmp_path, environment, columns=40, rows=6) as session:
        assert session.run("printf 'hi \\033[31mthere\\033[0m'; echo") == "hi there\r\n"
        frames = session.frames()
    shown = ["".join(run.text for run in frame.lines[0]).strip() for frame in frames]
    assert shown[0].startswith("$")
    assert any(0 < len(text) < 20 for text in shown[1:])
    assert any(run.colour == "red" for frame in frames for line in frame.lines for run in line)
