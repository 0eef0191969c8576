"""Compile native/ into the package with the C compiler of Zig, which is the wheel ``ziglang``.

Where it is not installed the build goes on: the runner is then complete but slower. With
``IMAGEBATCH_NATIVE=required``, as in the Dockerfile, such a build fails.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Machines by the names of Python, which for these are Zig's as well; no others were tried.
_MACHINES = ("x86_64", "aarch64")
_LIBRARY = "src/imagebatch_runner/codec/_jpeg.so"
#: The library runs on every CPU of the architecture and needs no C library. Without fused
#: operations every architecture gives the same bytes.
_FLAGS = (
    "-std=c11", "-O3", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fPIC", "-shared", "-nostdlib",
    "-s", "-fvisibility=hidden", "-ffp-contract=off", "-fsanitize=bounds", "-fsanitize-trap=bounds",
)  # fmt: skip


def _missing(machine: str) -> str | None:
    """Return what is missing to compile for ``machine``; ``None`` if nothing is."""
    if sys.platform != "linux" or machine not in _MACHINES:
        return f"it is for Linux on {' and '.join(_MACHINES)}; this is {sys.platform} on {machine}"
    if importlib.util.find_spec("ziglang") is None:
        return "the wheel ziglang (requirements/native.txt) is not installed"
    return None


class NativeBuild(BuildHookInterface[Any]):
    """Adds the library to the wheel, whose tag is then the platform's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        machine = platform.machine()
        missing = _missing(machine)
        if missing is not None:
            if os.environ.get("IMAGEBATCH_NATIVE") == "required":
                raise RuntimeError(f"the native JPEG library cannot be built: {missing}")
            self.app.display_warning(f"built without the native JPEG library: {missing}")
            return
        root = Path(self.root)
        sources = sorted(str(path) for path in (root / "native").glob("*.c"))
        command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu"]
        with tempfile.TemporaryDirectory() as scratch:
            caches = {"ZIG_GLOBAL_CACHE_DIR": scratch, "ZIG_LOCAL_CACHE_DIR": scratch}
            draft = root / f"{_LIBRARY}.{os.getpid()}"
            try:
                subprocess.run(
                    [*command, *_FLAGS, "-o", str(draft), *sources],
                    check=True,
                    env=os.environ | caches,
                )
                draft.replace(root / _LIBRARY)  # a process that has the old one open keeps it
            finally:
                draft.unlink(missing_ok=True)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{machine}"
        build_data["artifacts"].append(_LIBRARY)
