"""Programs that are run: how they fail, and that none goes on unseen."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from hosttools.command import follow, run, succeeds
from hosttools.errors import CommandFailed, MissingTool


def test_a_program_reads_what_it_is_given_and_nothing_else() -> None:
    assert run(["cat"], stdin="to be read") == "to be read"
    assert run(["cat"]) == ""
    assert succeeds(["true"])
    assert not succeeds(["false"])
    assert not succeeds(["no-such-program"])


def test_a_failed_program_is_named_with_its_last_words() -> None:
    script = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    seen: list[str] = []
    with pytest.raises(CommandFailed, match=r"exit code 3:\n(.*\n)*.*two"):
        follow([sys.executable, "-c", script], seen.append)
    assert sorted(seen) == ["one", "two"]
    with pytest.raises(CommandFailed, match="exit code 3"):
        run([sys.executable, "-c", script])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(MissingTool, match="no-such-program is not installed"):
        run(["no-such-program"])


def test_an_interrupted_program_ends_with_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {note}; echo started; wait"

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(["sh", "-c", script], interrupt)
    state = Path(f"/proc/{note.read_text().strip()}/stat")
    end = time.monotonic() + 10
    while _runs(state) and time.monotonic() < end:
        time.sleep(0.01)  # a signal is on its way before it has its effect
    assert not _runs(state)


def _runs(state: Path) -> bool:
    """Neither ended nor waiting for whoever adopts orphans to notice."""
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
