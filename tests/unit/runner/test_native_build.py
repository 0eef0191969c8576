"""What a build of the runner does where the native library cannot be compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

from imagebatch_runner.cli import version_text

ROOT = Path(__file__).parents[3]
#: For Python to find before all else: a compiler that cannot be imported.
NO_COMPILER = "import sys\nsys.modules['ziglang'] = None\n"


def built(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A wheel of the runner in ``folder``/dist, built without a compiler."""
    sources = folder / "jobrunner"
    shutil.copytree(ROOT / "jobrunner", sources, ignore=shutil.ignore_patterns("*.so"))
    (folder / "sitecustomize.py").write_text(NO_COMPILER)
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=sources,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_build_that_requires_the_library_fails_and_says_what_is_missing(tmp_path: Path) -> None:
    ended = built(tmp_path, IMAGEBATCH_NATIVE="required")
    assert ended.returncode != 0
    assert "ziglang (requirements/native.txt) is not installed" in ended.stderr
    assert not list((tmp_path / "dist").glob("*.whl"))


def test_other_build_warns_and_gives_a_wheel_without_the_library(tmp_path: Path) -> None:
    ended = built(tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "built without the native JPEG library" in ended.stdout + ended.stderr
    (wheel,) = (tmp_path / "dist").glob("*-any.whl")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]


def test_image_of_the_runner_is_built_with_the_library_required() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (line,) = [line for line in lines if line.endswith("components core jobrunner")]
    assert line.startswith("RUN IMAGEBATCH_NATIVE=required ")


def test_version_says_whether_the_library_is_there() -> None:
    first = f"imagebatch-runner {version('imagebatch-runner')}"
    assert version_text(native=True) == f"{first}\nnative JPEG library: yes"
    assert version_text(native=False).startswith(f"{first}\nnative JPEG library: no; ")
