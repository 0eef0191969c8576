"""``python -m demo``: everything from a fresh machine to the main job's result."""

from __future__ import annotations

import sys

from hosttools.errors import HostError

from . import beside
from .errors import BuildFailed, StackFailed
from .local_run import run_local
from .main_job import main_job
from .places import ROOT, exit_on_sigterm
from .say import elapsed, heading, say
from .up import demo_stack


def main() -> int:
    exit_on_sigterm()
    out = ROOT / "demo-output"
    try:
        stack = demo_stack()
        with beside.built(stack.kubeconfig.with_name("build.log")) as wait:
            heading("1. A first result without any cluster, while the cluster is built beside")
            run_local(stack.kubeconfig.parent / "first-result")
            heading("2. A cluster, S3 and ImageBatch (the first time Kubernetes is built: minutes)")
            wait()
        stack.up()
        heading("3. The main job: a CSV through the gateway")
        main_job(stack, out)
    except (StackFailed, BuildFailed, HostError) as error:
        say(f"error: {error}")
        return 1
    print(f"kubeconfig: export KUBECONFIG={stack.kubeconfig.relative_to(ROOT)}")
    say(f"done in {elapsed():.0f} s; it stays up until `make down`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
