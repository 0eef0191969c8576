"""A limit on running batches, set by an upgrade of the release."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from e2e.manifest import apply, finished, manifest
from stack import release
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import NAMESPACE, Stack

ONE = f"S. No.,Product Name,Input Image Urls\n1,Cat,{SAMPLEHOST_URL}/photos/n/1.jpg\n"


def test_one_batch_runs_at_a_time_and_priority_overtakes(stack: Stack) -> None:
    helm = Path(sys.executable).with_name("helm")
    subprocess.run(
        [str(helm), "upgrade", release.NAME, str(release.CHART), "--namespace", NAMESPACE,
         "--reuse-values", "--set", "limits.runningBatches=1", "--wait", "--timeout", "120s"],
        env={**os.environ, "KUBECONFIG": str(stack.kubeconfig)},
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        names = ["turn-1", "turn-2", "turn-3", "turn-urgent"]
        priority = {"turn-urgent": 9}
        apply(
            stack,
            *(
                manifest(name, source={"inline": ONE}, priority=priority.get(name, 0))
                for name in names
            ),
        )
        ended = {name: finished(stack, name) for name in names}
    finally:
        stack.up()
    assert {status["phase"] for status in ended.values()} == {"Completed"}
    order = sorted(names, key=lambda name: ended[name]["startTime"])
    # The one that was applied first may have begun before the urgent one was there.
    assert order.index("turn-urgent") <= 1
    assert [name for name in order if name != "turn-urgent"] == ["turn-1", "turn-2", "turn-3"]
    for earlier, later in pairwise(order):
        assert ended[earlier]["completionTime"] <= ended[later]["startTime"]
