"""Real dials, in a network namespace with nothing but loopback, at real listening sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBE = Path(__file__).parents[2] / "support" / "netns_probe.py"
UNSHARE = ["unshare", "--net", "--mount"]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    able = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if able.returncode:
        pytest.skip(f"no namespace of its own can be made here: {able.stderr.strip()}")
    ran = subprocess.run(
        [*UNSHARE, sys.executable, str(PROBE)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"},
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_public_hosts_are_reached_and_no_other_is(found: dict[str, Any]) -> None:
    ends = found["ends"]["closed"]
    fetched = {url for url, end in ends.items() if end == "fetched"}
    assert fetched == {
        "http://8.8.8.8:8080/",
        "http://[2606:4700::1111]:8080/",
        "http://[64:ff9b::808:808]:8080/",
        "http://public.example:8080/",
    }
    assert {end for url, end in ends.items() if url not in fetched} == {"address_refused"}
    assert len(ends) > 35


def test_no_connection_was_opened_to_a_refused_address(found: dict[str, Any]) -> None:
    """A refusal after the connection would still scan ports."""
    allowed = {"8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "10.0.0.1"}
    assert set(found["reached"]) == allowed
    assert found["reached"].count("10.0.0.1") == 2


def test_allowed_host_and_allowed_network_are_reached_and_nothing_beside_them(
    found: dict[str, Any],
) -> None:
    assert list(found["ends"]["by host"].values()) == ["fetched", "address_refused"]
    assert list(found["ends"]["by network"].values()) == ["fetched", "address_refused"]


def test_an_allowed_name_reaches_neither_loopback_nor_metadata(found: dict[str, Any]) -> None:
    assert set(found["ends"]["by name"].values()) == {"address_refused"}


def test_what_is_denied_is_not_reached_though_public_and_allowed(found: dict[str, Any]) -> None:
    ends = list(found["ends"]["denied"].values())
    assert ends == ["address_refused", "address_refused", "fetched"]
