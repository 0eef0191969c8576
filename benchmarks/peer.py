"""The peer: sharp, installed by its lock into the cache, each script in a process that stays."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .folders import cache
from .measure import Cost

SOURCE: Final = Path(__file__).parent / "peer"


def installed() -> Path:
    """The folder with the peer's scripts and its node_modules; RuntimeError without Node."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise RuntimeError(f"{tool} is missing: apt-get install nodejs npm (Node 20 or newer)")
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = cache() / f"peer-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "node_modules").exists():
        with tempfile.TemporaryDirectory(dir=cache()) as draft:
            whole = Path(draft) / "peer"
            shutil.copytree(SOURCE, whole)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=whole, check=True)
            if folder.exists():
                shutil.rmtree(folder)
            whole.rename(folder)
    for script in SOURCE.glob("*.mjs"):
        shutil.copy(script, folder / script.name)
    return folder


class Peer:
    """``with Peer() as peer``: sharp in one Node process; its CPU time is what Node reports."""

    def __init__(self) -> None:
        self._output = Path(tempfile.mkdtemp()) / "output"
        self._process = subprocess.Popen(
            ["node", "codec.mjs"],
            cwd=installed(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self._output.parent, ignore_errors=True)

    def variant(
        self, format_: str, pipeline: dict[str, Any] | None = None, **options: Any
    ) -> Callable[[Path], Cost]:
        """A variant for :func:`.measure.interleaved`; ``pipeline`` as in codec.mjs."""

        def run(path: Path) -> Cost:
            job = {
                "input": str(path),
                "output": str(self._output),
                "format": format_,
                "options": options,
                "pipeline": pipeline or {},
            }
            assert self._process.stdin is not None  # noqa: S101
            assert self._process.stdout is not None  # noqa: S101
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the peer ended; its message is above")
            return Cost(json.loads(line)["cpu"], self._output.read_bytes())

        return run
