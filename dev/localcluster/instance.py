"""Names, folders and addresses of one instance."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import BadName

DEFAULT_STATE_ROOT = Path("/var/lib/imagebatch-local")
# The same in every instance: each has its own network namespace.
POD_CIDR = "10.224.0.0/16"
SERVICE_CIDR = "10.225.0.0/16"
API_SERVICE_IP = "10.225.0.1"
DNS_SERVICE_IP = "10.225.0.10"
API_PORT = 6443

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")
# A Unix socket path has at most 108 bytes, and containerd adds to the path that it is given.
_LONGEST_STATE = 60


def state_root() -> Path:
    """Return the folder of all instances' state: ``IMAGEBATCH_STATE``, or the default."""
    return Path(os.environ.get("IMAGEBATCH_STATE") or DEFAULT_STATE_ROOT).absolute()


@dataclass(frozen=True)
class Instance:
    """One cluster on this machine."""

    name: str
    root: Path

    @property
    def state(self) -> Path:
        return self.root / self.name

    @property
    def lock(self) -> Path:
        """The lock file. It is beside the state folder, so that removing the folder keeps the
        lock."""
        return self.root / f".{self.name}.lock"

    @property
    def node(self) -> str:
        return f"imagebatch-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"imagebatch-{self.name}"

    @property
    def host_link(self) -> str:
        """Name of the host's end of the veth pair. It is a hash, because the kernel allows 15
        characters."""
        key = f"{self.root}/{self.name}".encode()
        return f"ibl-{hashlib.sha256(key).hexdigest()[:8]}"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def conf(self) -> Path:
        return self.state / "conf"

    @property
    def forwards(self) -> Path:
        return self.state / "forwards"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.conf / "admin.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        return self.state / "containerd.sock"

    @property
    def plan_file(self) -> Path:
        """The file with the supervisor's input, which is written before the supervisor starts."""
        return self.state / "plan.json"

    @property
    def finished_file(self) -> Path:
        """A file that exists once ``up`` has finished. Without it, the next ``up`` replaces the
        instance."""
        return self.state / "finished"

    @property
    def components_file(self) -> Path:
        """The file with the state of the components, which the supervisor writes at every
        change."""
        return self.state / "components.json"


def instance(name: str, root: Path | None = None) -> Instance:
    """Return the instance of this name. Raises BadName if the name cannot be used for its cgroup,
    folder and node."""
    if not _NAME.fullmatch(name):
        raise BadName(
            f"instance name {name!r}: use 1 to 20 lower-case letters, digits and dashes, "
            "starting with a letter"
        )
    chosen = Instance(name=name, root=(root or state_root()))
    if len(str(chosen.state)) > _LONGEST_STATE:
        raise BadName(
            f"state folder {chosen.state}: longer than {_LONGEST_STATE} characters, too long for "
            "the sockets in it; set IMAGEBATCH_STATE to a shorter folder"
        )
    return chosen
