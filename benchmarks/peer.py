"""Run the peer, sharp, which is installed into the cache from its lock file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hosttools.service import Service

from .folders import cache
from .measure import Cost

SOURCE: Final = Path(__file__).parent / "peer"


def installed() -> Path:
    """Return the folder of the peer's scripts and node_modules, after installing it if needed.

    Raises RuntimeError without Node.
    """
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


class Peer(Service):
    """Sharp in one Node process, during a ``with`` block. Node reports its CPU time."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._output = self._folder / "output"
        self._process: subprocess.Popen[str] | None = None

    def set_up(self) -> None:
        self._process = subprocess.Popen(
            ["node", "codec.mjs"],
            cwd=installed(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tear_down(self) -> None:
        if self._process is not None:
            try:
                self._process.communicate(timeout=10)  # the script ends with its input
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, line: str) -> str:
        """Send a line to the script and return its response line; empty if the script has ended."""
        process = self._process
        assert process is not None and process.stdin and process.stdout  # noqa: S101, PT018 - open
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline()

    def variant(
        self, format_: str, pipeline: dict[str, Any] | None = None, **options: Any
    ) -> Callable[[Path], Cost]:
        """Return a variant for :func:`.measure.interleaved`. codec.mjs defines ``pipeline``."""

        def run(path: Path) -> Cost:
            job = {
                "input": str(path),
                "output": str(self._output),
                "format": format_,
                "options": options,
                "pipeline": pipeline or {},
            }
            line = self._answer(json.dumps(job))
            if not line:
                raise RuntimeError("the peer ended; its message is above")
            return Cost(json.loads(line)["cpu"], self._output.read_bytes())

        return run
