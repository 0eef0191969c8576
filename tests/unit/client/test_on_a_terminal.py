"""What `watch` draws on a terminal, and that nothing of it is in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recording.terminal import Terminal
from unit.client.following import EventGateway

pytestmark = pytest.mark.slow
WATCH = (sys.executable, "-m", "imagebatch", "watch", "r1")


@pytest.fixture
def gateway() -> Iterator[EventGateway]:
    gateway = EventGateway()
    yield gateway
    gateway.close()


def environment(gateway: EventGateway, folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "IMAGEBATCH_URL": gateway.url}


def images(done: int) -> dict[str, int]:
    return {"total": 400, "done": done}


def cells(terminal: Terminal) -> tuple[int, int]:
    """Return how many cells of the bar are done, and how many there are in all.

    The done ones have a colour, the others are dark.
    """
    (row,) = (y for y, line in enumerate(terminal.screen.display) if "━" in line)
    drawn = [cell for cell in terminal.screen.buffer[row].values() if cell.data in "━╸╺"]
    return sum(cell.fg not in {"default", "3a3a3a"} for cell in drawn), len(drawn)


@pytest.mark.parametrize(
    ("columns", "between"), [(120, " of "), (80, " of "), (50, "/"), (30, "/"), (20, "/")]
)
def test_one_bar_is_drawn_over_itself_and_stays_at_the_end(
    gateway: EventGateway, tmp_path: Path, columns: int, between: str
) -> None:
    with Terminal(tmp_path, environment(gateway, tmp_path), columns=columns) as terminal:
        terminal.run(*WATCH)
        for done in (100, 200):
            gateway.tell(images=images(done))
            terminal.until(f"{done}{between}400")
            assert len(terminal.text().splitlines()) == 1
        if columns >= 30:
            done_cells, all_cells = cells(terminal)
            assert done_cells == pytest.approx(all_cells / 2, abs=1.5)
        assert terminal.screen.cursor.hidden
        gateway.tell(status="completed", images=images(400))
        assert terminal.wait(30) == 0
        bar, after, *_ = terminal.text().splitlines()
        assert f"400{between}400" in bar
        assert after.split() == ["request", "r1"]
        assert not terminal.screen.cursor.hidden


def test_ctrl_c_ends_the_bar_and_says_how_to_come_back(
    gateway: EventGateway, tmp_path: Path
) -> None:
    with Terminal(tmp_path, environment(gateway, tmp_path)) as terminal:
        terminal.run(*WATCH)
        gateway.tell(images=images(100))
        terminal.until("100 of 400")
        terminal.type("\x03")
        assert terminal.wait(30) == 130
        bar, *said = terminal.text().splitlines()
        assert "100 of 400" in bar
        assert [line for line in said if line.strip("^C")] == [
            "The work goes on in the cluster. To come back:",
            "  imagebatch watch r1",
            "To stop it: imagebatch cancel r1",
        ]
        assert not terminal.screen.cursor.hidden


def test_a_window_that_gets_narrower_keeps_one_bar(gateway: EventGateway, tmp_path: Path) -> None:
    with Terminal(tmp_path, environment(gateway, tmp_path), columns=120) as terminal:
        terminal.run(*WATCH)
        gateway.tell(images=images(100))
        terminal.until("100 of 400")
        terminal.resize(40, 24)
        gateway.tell(images=images(200))
        terminal.until("200/400")
        assert sum("200" in line for line in terminal.text().splitlines()) == 1
        gateway.tell(status="completed", images=images(400))
        assert terminal.wait(30) == 0


def test_in_a_pipe_there_is_the_result_and_nothing_else(
    gateway: EventGateway, tmp_path: Path
) -> None:
    gateway.tell(images=images(100))
    gateway.tell(status="completed", images=images(400))
    done = subprocess.run(
        WATCH, env=environment(gateway, tmp_path), capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"request ")
    assert b"\x1b" not in done.stdout
