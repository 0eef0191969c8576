"""``python -m demo.prebuild``: fill the caches with Kubernetes and the images."""

from __future__ import annotations

import sys

from localcluster.choose import Cluster, choose

from .build import build_all
from .errors import BuildFailed
from .places import exit_on_sigterm
from .say import say


def main() -> int:
    exit_on_sigterm()
    try:
        build_all(kubernetes=choose().cluster is Cluster.LOCAL)
    except BuildFailed as error:
        say(str(error))
        return 1
    say("Kubernetes and the images are built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
