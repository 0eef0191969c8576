"""The state of an instance, which commands and the supervisor share through files."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hosttools import processes
from localcluster.instance import Instance


@dataclass(frozen=True)
class Running:
    """A supervised program. ``pid`` is the one inside the instance; 0 means it does not run."""

    pid: int = 0
    ready: bool = False
    restarts: int = 0
    since: float = 0.0
    failures: int = 0

    def as_json(self) -> dict[str, object]:
        return dataclasses.asdict(self)

    def ended(self, failures: int) -> Running:
        return dataclasses.replace(self, pid=0, ready=False, failures=failures)

    def became_ready(self) -> Running:
        return dataclasses.replace(self, ready=True)


def write_json(path: Path, content: object) -> None:
    """Write ``content`` as JSON in one step, so that a reader never sees an incomplete file."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(path)


def components(instance: Instance) -> dict[str, Running]:
    """Return the state of each component by name; empty until the supervisor has started one."""
    try:
        raw = json.loads(instance.components_file.read_text())
    except FileNotFoundError:
        return {}
    return {name: Running(**entry) for name, entry in raw.items()}


def wait_for(found: Callable[[], bool], seconds: float) -> bool:
    """Call ``found`` until it returns true; return False if it has not after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if found():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def supervisors(instance: Instance) -> list[int]:
    """Return the host pids of the instance's supervisors, found by their command line.

    A recorded pid is not used: after a crash or restart it could belong to another process.
    """
    wanted = ("localcluster.supervisor", instance.name, str(instance.root))
    return sorted(one.pid for one in processes.running() if one.words[-3:] == wanted)
