"""Debian packages that a node needs, installed without starting anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from localcluster.errors import CommandFailed, MissingTool
from localcluster.progress import Say, heartbeat, say

# Package by the program that shows it is there.
PROGRAMS: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "slirp4netns": "slirp4netns",
    "mount": "mount",
    "nsenter": "util-linux",
}
CNI_FOLDER = Path("/usr/lib/cni")
CNI_PACKAGE = "containernetworking-plugins"
POLICY = Path("/usr/sbin/policy-rc.d")
RUNS_SYSTEMD = Path("/run/systemd/system")
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> list[str]:
    """Packages of which a program is missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), SEARCHED])
    wanted = {pkg for program, pkg in PROGRAMS.items() if not shutil.which(program, path=path)}
    if not (CNI_FOLDER / "ptp").exists():
        wanted.add(CNI_PACKAGE)
    return sorted(wanted)


def install(out: Say = say) -> None:
    """Install what is missing. The package lists are fetched only when they are needed."""
    wanted = missing()
    if not wanted:
        return
    if not shutil.which("apt-get"):
        raise MissingTool(f"install these first, this machine has no apt-get: {' '.join(wanted)}")
    if os.geteuid() != 0:
        raise MissingTool(f"run as root, or install these first: {' '.join(wanted)}")
    out(f"installing Debian packages: {' '.join(wanted)}")
    with _services_stay_stopped(), heartbeat(lambda: "apt-get at work", out):
        failure = _apt_install(wanted)
        if failure:
            out("fetching package lists")
            # Sources of other vendors may be out of reach; what counts is the install.
            _apt(["update", "--quiet"])
            failure = _apt_install(wanted)
    if "containerd" in wanted and RUNS_SYSTEMD.is_dir():
        # Installed for this cluster alone, so it need not start with the machine either.
        subprocess.run(["systemctl", "disable", "containerd"], check=False, capture_output=True)
    still = missing()
    if still:
        raise CommandFailed(f"apt-get install {' '.join(still)} failed: {failure}")


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    """Debian's own containerd service must not start: ours runs apart from it."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _apt_install(wanted: list[str]) -> str:
    return _apt(["install", "--yes", "--quiet", "--no-install-recommends", *wanted])


def _apt(arguments: list[str]) -> str:
    """Empty when it went well, else its last words."""
    done = subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    return "" if done.returncode == 0 else done.stdout.strip()[-2000:]
