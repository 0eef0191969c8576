"""Make the base image without Docker: a root file system with Python, from Debian packages."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from hosttools.command import follow
from hosttools.progress import Say

from . import hostapt
from .folders import DRAFT, Cache

SUITE = "bookworm"
# Compiled wheels need libstdc++6. Usually apt depends on it, but apt is left out here.
_PACKAGES = ("ca-certificates", "libstdc++6", "python3", "python3-venv", "usr-is-merged")
#: `essential` leaves out apt; merged-usr with usr-is-merged leaves out perl's library (45 MB).
_OPTIONS = (
    "--variant=essential",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    f"--include={','.join(_PACKAGES)}",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    # The image must not contain this host's apt settings.
    (
        '--customize-hook=rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap '
        '"$1"/var/lib/apt/lists "$1"/var/cache/apt "$1"/var/log/*.log "$1"/var/log/apt'
    ),
)


def identity() -> str:
    """Return the base's name: the Debian suite, and a hash of the options that make the base."""
    recipe = "\n".join((SUITE, *_OPTIONS))
    return f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def ensure(cache: Cache, say: Say) -> Path:
    """Make the base if needed, and return its tar file. It gets its name only when complete."""
    target = cache.bases / f"{identity()}.tar"
    if target.exists():
        return target
    cache.bases.mkdir(parents=True, exist_ok=True)
    say(f"assembling a base image from Debian {SUITE} packages (about 20 s with a fast mirror)")
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=cache.bases) as folder:
        draft = Path(folder) / target.name
        settings = Path(folder) / "apt.conf"
        settings.write_text(hostapt.access_settings())
        follow(
            # It runs in a mount namespace, so that nothing stays mounted if it is killed.
            ["unshare", "--mount", "mmdebstrap", *_OPTIONS, f"--aptopt={settings}",
             SUITE, str(draft), *hostapt.sources(SUITE)],
            _phases(say),
            env={"TMPDIR": folder},
        )  # fmt: skip
        draft.replace(target)
    return target


def _phases(say: Say) -> Say:
    def on_line(line: str) -> None:
        for phase in ("downloading packages", "installing essential", "installing remaining"):
            if line.startswith(f"I: {phase}"):
                say(f"  base: {phase}")

    return on_line
