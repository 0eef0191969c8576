"""Set up an instance's network: a veth pair to the host, and rules and routes in its namespace."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from hosttools.command import run, succeeds
from hosttools.errors import MissingTool
from localcluster.errors import NotReady
from localcluster.instance import POD_CIDR, SERVICE_CIDR
from localcluster.packages import SEARCHED
from localcluster.subnets import Link

NODE_INTERFACE = "eth0"
_WAIT_SECONDS = 20.0


def connect(host_link: str, link: Link, supervisor: int) -> None:
    """Create the veth pair on the host, with its other end in the supervisor's namespace."""
    disconnect(host_link)
    run(["ip", "link", "add", host_link, "type", "veth",
         "peer", "name", NODE_INTERFACE, "netns", str(supervisor)])  # fmt: skip
    run(["ip", "address", "add", f"{link.host}/30", "dev", host_link])
    run(["ip", "link", "set", host_link, "up"])


def disconnect(host_link: str) -> None:
    """Remove the veth pair on the host, if it exists."""
    if Path(f"/sys/class/net/{host_link}").exists():
        succeeds(["ip", "link", "delete", host_link])


def prepare(link: Link, first_chain: str = "") -> None:
    """In the namespace, wait for the veth pair, then set addresses, routes and rules.

    ``first_chain`` is a chain that will accept packets before the rules of FORWARD see them.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while not succeeds(["ip", "link", "show", NODE_INTERFACE]):
        if time.monotonic() > deadline:
            raise NotReady("the host's end of the network never came: its command was interrupted")
        time.sleep(0.05)
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "address", "add", f"{link.node}/30", "dev", NODE_INTERFACE])
    run(["ip", "link", "set", NODE_INTERFACE, "up"])
    # A route to Service addresses must exist, because it is looked up before kube-proxy's rules
    # rewrite the address.
    run(["ip", "route", "add", SERVICE_CIDR, "dev", NODE_INTERFACE, "src", link.node])
    # Without a route to the outside, connections fail at once instead of hanging.
    run(["ip", "route", "add", "unreachable", "default", "metric", "100000"])
    for setting in ("ip_forward", "conf/all/forwarding"):
        Path(f"/proc/sys/net/ipv4/{setting}").write_text("1")
    for rule in rules(link, first_chain):
        run(["iptables", "--wait", *rule])


def rules(link: Link, first_chain: str = "") -> list[list[str]]:
    """Return iptables rules that masquerade pods as the node and reject their connections to the
    host.

    With ``first_chain`` they create this chain, and reject these connections in it as well.
    """
    rejected = ["-s", POD_CIDR, "-d", link.host, "-m", "conntrack", "--ctstate", "NEW",
                "-j", "REJECT"]  # fmt: skip
    own = [["-N", first_chain], ["-A", first_chain, *rejected]] if first_chain else []
    return [
        ["-t", "nat", "-A", "POSTROUTING", "-s", POD_CIDR, "!", "-d", POD_CIDR,
         "-j", "MASQUERADE"],
        ["-A", "FORWARD", *rejected],
        *own,
    ]  # fmt: skip


def iptables_path(folder: Path) -> Mapping[str, str]:
    """Return variables with which ``iptables`` is a variant that this kernel supports.

    Debian's default uses nftables; some kernels only have the legacy tables. ``folder`` gets links
    to the legacy programs if they are needed.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), SEARCHED])
    if succeeds(["iptables", "-t", "nat", "-S"]):
        return {"PATH": path}
    for family in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            name = folder / f"{family}{suffix}"
            folder.mkdir(exist_ok=True)
            name.unlink(missing_ok=True)
            name.symlink_to(f"/usr/sbin/{family}-legacy{suffix}")
    env = {"PATH": f"{folder}{os.pathsep}{path}"}
    if not succeeds([f"{folder}/iptables", "-t", "nat", "-S"]):
        raise MissingTool("iptables works neither with nftables nor with legacy tables here")
    return env
