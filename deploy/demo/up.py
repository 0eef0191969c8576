"""``python -m demo.up``: cluster, S3, sample host and chart, without the main job."""

from __future__ import annotations

import os
import sys

from .build import BuildFailed
from .down import INSTANCE
from .places import ROOT, exit_on_sigterm
from .say import say
from .stack import Stack, StackFailed


def demo_stack() -> Stack:
    port = int(os.environ.get("GATEWAY_PORT") or 8080)
    local = ROOT / ".local"
    local.mkdir(exist_ok=True)
    return Stack(INSTANCE, local / "kubeconfig", port, port + 1)


def main() -> int:
    exit_on_sigterm()
    stack = demo_stack()
    try:
        stack.up()
    except (StackFailed, BuildFailed) as error:
        say(f"error: {error}")
        return 1
    say(f"kubeconfig: {stack.kubeconfig.relative_to(ROOT)}; stop it all with `make down`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
