"""``python -m stack.up``: start cluster, S3, sample host and chart, without the main job."""

from __future__ import annotations

import os
import sys

from hosttools.errors import HostError
from hosttools.sigterm import exit_on_sigterm

from . import installed
from .cluster import Ports
from .errors import BuildFailed, StackFailed
from .places import ROOT
from .say import say
from .stack import Stack


def demo_stack() -> Stack:
    """Return the stack of `make up` and `make demo`. Raises StackFailed."""
    port = int(os.environ.get("GATEWAY_PORT") or 8080)
    installed.LOCAL.mkdir(exist_ok=True)
    return Stack(installed.wanted(), Ports(port, port + 1), installed.NAMESPACE)


@exit_on_sigterm()
def main() -> int:
    try:
        stack = demo_stack()
        stack.up()
    except (StackFailed, BuildFailed, HostError) as error:
        say(f"error: {error}")
        return 1
    say(f"kubeconfig: {stack.kubeconfig.relative_to(ROOT)}; stop it all with `make down`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
