"""Compile the hash-pinned requirements of every image and of development.

``uv.lock`` is not used, because it records the registry addresses of the author's machine. ``make
lock`` runs this; with ``--check`` it only reports which files are out of date.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "requirements"

#: File name → arguments of `uv pip compile` naming what it locks.
LOCKS: dict[str, list[str]] = {
    "runner": ["jobrunner/pyproject.toml"],
    "gateway": ["gateway/pyproject.toml", "sweep/pyproject.toml"],
    "operator": ["operator/pyproject.toml"],
    "client": ["client/pyproject.toml"],
}
WORKSPACE = (
    "imagebatch-core",
    "imagebatch-gateway",
    "imagebatch-operator",
    "imagebatch-runner",
    "imagebatch-sweep",
    "imagebatch-client",
)
HEADER = "# Compiled by `make lock` from the pyproject files: do not edit.\n"


def compile_lock(name: str, arguments: list[str], *, upgrade: bool) -> str:
    target = OUT / f"{name}.txt"
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        *arguments,
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-header",
        "--no-emit-index-url",
        "--no-annotate",
        "--quiet",
    ]
    for package in WORKSPACE:
        command += ["--no-emit-package", package]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / target.name
        if target.exists() and not upgrade:
            out.write_text(target.read_text())
        subprocess.run([*command, "--output-file", str(out)], check=True, cwd=ROOT)
        return HEADER + out.read_text().removeprefix(HEADER)


def main(arguments: list[str]) -> int:
    upgrade = "--upgrade" in arguments
    check = "--check" in arguments
    OUT.mkdir(exist_ok=True)
    dev = [
        "pyproject.toml",
        "--group",
        "dev",
        *(
            p
            for d in ("core", "gateway", "operator", "jobrunner", "sweep", "client")
            for p in [f"{d}/pyproject.toml"]
        ),
        "--extra",
        "crd",
        "--extra",
        "store",
        "--extra",
        "egress",
    ]
    drift = []
    groups = {name: ["--group", name] for name in ("bootstrap", "build", "native", "devtools")}
    for name, what in {**LOCKS, **groups, "dev": dev}.items():
        text = compile_lock(name, what, upgrade=upgrade)
        target = OUT / f"{name}.txt"
        if check and (not target.exists() or target.read_text() != text):
            drift.append(str(target.relative_to(ROOT)))
        elif not check:
            target.write_text(text)
            print(f"locked {target.relative_to(ROOT)}")
    if drift:
        print("out of date, run `make lock`: " + ", ".join(drift), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
