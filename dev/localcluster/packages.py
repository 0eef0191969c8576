"""Install the Debian packages that a node needs, without starting their services."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hosttools import apt
from hosttools.errors import CommandFailed
from hosttools.progress import Say, say

# The package of each program.
PROGRAMS: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "ipset": "ipset",
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
    """Return the packages whose program is missing on this machine."""
    path = os.pathsep.join([os.environ.get("PATH", ""), SEARCHED])
    wanted = {pkg for program, pkg in PROGRAMS.items() if not shutil.which(program, path=path)}
    if not (CNI_FOLDER / "ptp").exists():
        wanted.add(CNI_PACKAGE)
    return sorted(wanted)


def install(out: Say = say) -> None:
    """Install the missing packages. Raises MissingTool and CommandFailed."""
    wanted = missing()
    if not wanted:
        return
    failure: CommandFailed | None = None
    with _services_stay_stopped():
        try:
            apt.install(wanted, out)
        except CommandFailed as error:
            failure = error
    if "containerd" in wanted and RUNS_SYSTEMD.is_dir():
        # It was installed only for this cluster, so it must not start with the machine.
        subprocess.run(["systemctl", "disable", "containerd"], check=False, capture_output=True)
    # Errors of apt are ignored if all programs exist now.
    still = missing()
    if still:
        raise CommandFailed(f"apt-get install {' '.join(still)} failed: {failure}") from failure


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    """Prevent Debian's containerd service from starting during the block: the node has its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
