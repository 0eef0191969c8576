"""Logs of a step: JSON, one line an event, unless text is asked for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from imagebatch_runner.steps.shard_run import ShardOutcome

PAGE = Path(__file__).parents[4] / "docs" / "runner.md"


def log_of_a_step(folder: Path, **env: str) -> list[str]:
    """The log of a plan pod that ends at once, because the operator gave it no job."""
    ended = subprocess.run(
        [sys.executable, "-m", "imagebatch_runner", "plan"],
        env={
            "PATH": os.environ["PATH"],
            "IMAGEBATCH_TERMINATION_LOG": str(folder / "termination-log"),
            **env,
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (3, "")
    return ended.stderr.splitlines()


def test_each_event_of_a_pod_is_one_line_of_json(tmp_path: Path) -> None:
    events = [json.loads(line) for line in log_of_a_step(tmp_path)]
    assert [event["level"] for event in events] == ["error"]
    assert "IMAGEBATCH_JOB is not set" in events[0]["message"]
    assert {"time", "logger"} <= events[0].keys()


def test_text_is_for_people_who_read_the_log_of_a_pod(tmp_path: Path) -> None:
    (line,) = log_of_a_step(tmp_path, IMAGEBATCH_LOG_FORMAT="text")
    assert "ERROR" in line
    assert "IMAGEBATCH_JOB is not set" in line


@pytest.mark.parametrize(
    ("variable", "value"), [("IMAGEBATCH_LOG_FORMAT", "xml"), ("IMAGEBATCH_LOG_LEVEL", "loud")]
)
def test_refused_log_setting_is_logged_all_the_same(
    tmp_path: Path, variable: str, value: str
) -> None:
    (line,) = log_of_a_step(tmp_path, **{variable: value})
    assert f"{variable}='{value}'" in json.loads(line)["message"]


def test_fields_of_the_event_of_a_shard_are_documented() -> None:
    section = PAGE.read_text().partition("## Logs")[2].partition("\n## ")[0]
    row = next(line for line in section.splitlines() if line.startswith("| a shard is over"))
    assert re.findall(r"`(\w+)`", row) == ["shard", *(field.name for field in fields(ShardOutcome))]
