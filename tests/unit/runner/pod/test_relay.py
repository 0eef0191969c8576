"""The relay: plan's message is reported while the step goes on, by a container that always ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagebatch_runner.pod import relay
from imagebatch_runner.pod.relay import Relay

MESSAGE = '{"step": "plan", "images": 5000}'


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"TMPDIR": str(tmp_path), "IMAGEBATCH_TERMINATION_LOG": str(tmp_path / "message")}


@pytest.fixture
def container(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The relay as its container runs it."""
    command = [sys.executable, "-m", "imagebatch_runner", "relay"]
    with subprocess.Popen(command, env=env) as process:
        yield process
        process.kill()


def left(env: dict[str, str]) -> str:
    return Path(env["IMAGEBATCH_TERMINATION_LOG"]).read_text()


def test_a_message_is_reported_before_the_step_has_ended(
    env: dict[str, str], container: subprocess.Popen[bytes]
) -> None:
    step = Relay(env)
    assert step.hand_over(MESSAGE, taken_within=20)
    assert container.wait(20) == 0
    assert left(env) == MESSAGE


def test_the_relay_ends_with_a_step_that_leaves_no_message(
    env: dict[str, str], container: subprocess.Popen[bytes]
) -> None:
    step = Relay(env)
    step.close()
    assert container.wait(20) == 0
    assert not Path(env["IMAGEBATCH_TERMINATION_LOG"]).exists()


def test_the_relay_ends_at_once_after_a_step_that_ended_before_it_began(
    env: dict[str, str],
) -> None:
    Relay(env).close()
    assert relay.main(env) == 0


def test_the_relay_ends_when_the_step_is_killed(
    env: dict[str, str], container: subprocess.Popen[bytes]
) -> None:
    code = (
        "import os, signal; from imagebatch_runner.pod.relay import Relay; r = Relay(os.environ); "
    )
    killed = [sys.executable, "-c", code + "os.kill(os.getpid(), signal.SIGKILL)"]
    assert subprocess.run(killed, env=env, check=False, timeout=20).returncode < 0
    assert container.wait(20) == 0


def test_the_relay_does_not_wait_for_ever_for_a_step_that_never_starts(
    env: dict[str, str],
) -> None:
    assert relay.main(env, starts_within=0.05) == 0
    assert not Path(env["IMAGEBATCH_TERMINATION_LOG"]).exists()


def test_a_step_whose_relay_is_missing_learns_that_nobody_took_its_message(
    env: dict[str, str],
) -> None:
    assert not Relay(env).hand_over(MESSAGE, taken_within=0.05)


def test_the_largest_message_arrives_whole(env: dict[str, str]) -> None:
    step = Relay(env)
    reader = threading.Thread(target=relay.main, args=(env,))
    reader.start()
    assert step.hand_over("x" * 4096, taken_within=20)
    reader.join(20)
    assert left(env) == "x" * 4096


def test_the_relay_starts_without_the_libraries_of_the_step() -> None:
    code = "import sys; from imagebatch_runner.pod import relay; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"pydantic", "asyncio", "json", "obstore"} & set(ran.stdout.split())
