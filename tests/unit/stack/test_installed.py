"""Which cluster `make up` takes: the user's own one is never taken without being asked."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import installed
from stack.cluster import OwnCluster
from stack.current import CurrentCluster
from stack.errors import StackFailed


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for state and cache, its path short enough for the sockets in it."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("IMAGEBATCH_STATE", f"{folder}/state")
        monkeypatch.setenv("IMAGEBATCH_CACHE", f"{folder}/cache")
        yield Path(folder)


@pytest.mark.parametrize("asked", ["", "kind", "local"])
def test_a_cluster_of_the_projects_own_is_made_unless_current_is_asked_for(
    machine: Path, asked: str
) -> None:
    assert isinstance(installed.wanted(machine, {"CLUSTER": asked}), OwnCluster)


@pytest.mark.parametrize("asked", ["", "1"])
def test_policies_are_enforced_where_they_are_asked_for(machine: Path, asked: str) -> None:
    cluster = installed.wanted(machine, {"NETWORK_POLICIES": asked})
    assert isinstance(cluster, OwnCluster)
    assert cluster.policies is bool(asked)


def test_current_is_the_users_own_cluster(machine: Path) -> None:
    assert isinstance(installed.wanted(machine, {"CLUSTER": "current"}), CurrentCluster)


def test_current_is_refused_while_a_cluster_of_the_projects_own_is_up(machine: Path) -> None:
    (machine / "state" / installed.INSTANCE).mkdir(parents=True)
    with pytest.raises(StackFailed, match="make down first"):
        installed.wanted(machine, {"CLUSTER": "current"})


def test_an_own_cluster_is_refused_while_something_is_installed_in_the_users(
    machine: Path,
) -> None:
    note = {"context": "theirs", "server": "https://one.example:6443"}
    (machine / "current.json").write_text(json.dumps(note))
    with pytest.raises(StackFailed, match="context theirs has an installation of ours"):
        installed.wanted(machine, {"CLUSTER": ""})
    assert isinstance(installed.wanted(machine, {"CLUSTER": "current"}), CurrentCluster)
