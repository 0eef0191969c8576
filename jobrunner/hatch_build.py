"""Compile native/ into the package where a compiler is at hand: Zig's, which is a wheel of its own.

Without one the runner is complete and slower: :mod:`imagebatch_runner.codec.coefficients` looks
whether the library is there.
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

#: As Python names them; elsewhere Zig's name is another, and nothing has been tried.
_MACHINES = ("x86_64", "aarch64")
_LIBRARY = "src/imagebatch_runner/codec/_jpeg.so"
#: No CPU newer than the architecture's first is asked for, and no C library.
#: No fused operations: every architecture gives the same bytes.
_FLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-nostdlib", "-s",
          "-fvisibility=hidden", "-ffp-contract=off", "-fsanitize=bounds", "-fsanitize-trap=bounds"
          )  # fmt: skip


class NativeBuild(BuildHookInterface[Any]):
    """Adds the library to the wheel, whose tag is then the platform's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        machine = platform.machine()
        supported = sys.platform == "linux" and machine in _MACHINES
        if not supported or importlib.util.find_spec("ziglang") is None:
            self.app.display_warning("no Zig compiler here: built without the native JPEG path")
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
