"""``python -m stack.prebuild``: fill the caches with Kubernetes and the images.

With ``--network-policies`` also with kube-router, which the end-to-end tests need.
"""

from __future__ import annotations

import os
import sys

from hosttools.errors import HostError
from hosttools.sigterm import exit_on_sigterm
from localcluster.choose import Cluster, choose

from . import installed
from .build import build_all
from .errors import BuildFailed
from .say import say


@exit_on_sigterm()
def main() -> int:
    current = installed.current_is_asked()
    if current and os.environ.get("IMAGES_PRESENT") == "1":
        say("nothing to build: the cluster is there, and so are its images")
        return 0
    try:
        local = not current and choose().cluster is Cluster.LOCAL
        build_all(kubernetes=local, policies="--network-policies" in sys.argv[1:])
    except (BuildFailed, HostError) as error:
        say(f"error: {error}")
        return 1
    say("Kubernetes and the images are built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
