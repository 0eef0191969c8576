"""A test run that is killed leaves no S3 behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.imagehost import ImageHost
from support.runnerbatch import RunnerBatch, end_steps, products
from support.seaweedfs import SeaweedFS

_RUN = """
import sys, time
from pathlib import Path

from support.imagehost import ImageHost
from support.runnerbatch import RunnerBatch, end_steps, products
from support.seaweedfs import SeaweedFS
from support.seaweedfs import SeaweedFS
with SeaweedFS(Path(sys.argv[1])) as s3:
    print(s3.pid, flush=True)
    time.sleep(600)
"""


def test_s3_ends_with_the_test_run_that_started_it_when_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        assert _program(server).endswith("/weed")
        run.kill()
    end = time.monotonic() + 60
    while _program(server).endswith("/weed") and time.monotonic() < end:
        time.sleep(0.05)
    left = _program(server).endswith("/weed")
    if left:
        os.kill(server, signal.SIGKILL)
    assert not left


def test_step_that_a_test_did_not_wait_for_ends_with_the_test(
    s3: SeaweedFS, host: ImageHost, tmp_path: Path
) -> None:
    url = host.slow("a.jpg", b"", seconds=600)
    batch = RunnerBatch.of(s3, tmp_path, products([url]))
    step = batch.start("plan")
    end = time.monotonic() + 60
    while not host.requests and time.monotonic() < end:
        time.sleep(0.05)
    assert step.poll() is None
    end_steps()
    assert step.returncode == -signal.SIGKILL


def _program(pid: int) -> str:
    """Of a process, empty once it has ended."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""
