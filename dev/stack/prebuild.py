"""``python -m stack.prebuild``: fill the caches with Kubernetes and the images."""

from __future__ import annotations

import os
import sys

from localcluster.choose import Cluster, choose

from .build import build_all
from .errors import BuildFailed
from .places import exit_on_sigterm
from .say import say


def main() -> int:
    exit_on_sigterm()
    chosen = choose().cluster
    if chosen is Cluster.CURRENT and os.environ.get("IMAGES_PRESENT") == "1":
        say("nothing to build: the cluster is there, and so are its images")
        return 0
    try:
        build_all(kubernetes=chosen is Cluster.LOCAL)
    except BuildFailed as error:
        say(str(error))
        return 1
    say("Kubernetes and the images are built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
