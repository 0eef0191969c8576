"""``python -m demo``: set up everything on a fresh machine and run the main job."""

from __future__ import annotations

import sys

from hosttools.errors import HostError
from hosttools.sigterm import exit_on_sigterm
from stack.errors import BuildFailed, StackFailed
from stack.places import ROOT
from stack.say import elapsed, heading, say
from stack.up import demo_stack

from . import background_build
from .local_run import run_local
from .main_job import main_job


@exit_on_sigterm()
def main() -> int:
    out = ROOT / "demo-output"
    try:
        stack = demo_stack()
        with background_build.started(stack.kubeconfig.with_name("build.log")) as wait:
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
    print(f"\nopen in a browser: {stack.gateway}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
