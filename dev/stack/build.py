"""Build Kubernetes and the images in parallel."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import process_tree
from .errors import BuildFailed
from .places import ROOT, module
from .say import say


@dataclass(frozen=True, slots=True)
class Built:
    """The name of an image, and the archive that contains it."""

    ref: str
    archive: Path


def build_all(*, kubernetes: bool, policies: bool = False) -> dict[str, Built]:
    """Build the images, and Kubernetes if ``kubernetes``, in parallel, and show their output.

    With ``policies`` also build what enforces NetworkPolicies on a local cluster.

    Returns the images by component. Raises BuildFailed.
    """
    processes: dict[str, subprocess.Popen[str]] = {}
    commands = {"images": module("imagebuild", "build", "--json")}
    if kubernetes:
        enforce = ["--network-policies"] if policies else []
        commands["cluster"] = module("localcluster", "build", *enforce)
    try:
        for name, command in commands.items():
            processes[name] = process_tree.start(
                process_tree.command(*command),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        readers = [
            _follow(name, process.stderr)
            for name, process in processes.items()
            if process.stderr is not None
        ]
        outputs = {name: _drain(process) for name, process in processes.items()}
        for reader in readers:
            reader.join()
    finally:
        for process in processes.values():
            process_tree.end(process)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
    failed = [name for name, process in processes.items() if process.returncode]
    if failed:
        raise BuildFailed(f"the build of {' and '.join(failed)} failed; its output is above")
    found = json.loads(outputs["images"])
    return {name: Built(one["ref"], Path(one["archive"])) for name, one in found.items()}


def _drain(process: subprocess.Popen[str]) -> str:
    text = process.stdout.read() if process.stdout else ""
    process.wait()
    return text


def _follow(name: str, stream: IO[str]) -> threading.Thread:
    def show() -> None:
        for line in stream:
            if line.strip():
                say(f"{name}: {line.rstrip()}")

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    return thread
