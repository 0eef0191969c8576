"""The first result: run ``imagebatch-runner local`` on the sample, without a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stack.errors import StackFailed
from stack.places import ROOT
from stack.sample import sample_csv
from stack.say import say


def run_local(out: Path) -> None:
    """Serve the sample photographs on loopback and compress them into ``out``.

    Raises StackFailed when the runner refuses the sample or is stopped.
    """
    host = subprocess.Popen(
        [sys.executable, str(ROOT / "dev/samplehost"), "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = host.stdout.readline() if host.stdout else ""
        address = line.rpartition(" ")[2].strip()
        if not address:
            say("the sample host did not start; going on without the local run")
            return
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        products = out / "products.csv"
        products.write_text(sample_csv(address), encoding="utf-8")
        runner = Path(sys.executable).with_name("imagebatch-runner")
        command = [str(runner), "local", str(products), "--out", str(out / "result")]
        say(f"imagebatch-runner local {os.path.relpath(products)} --out …")
        code = subprocess.run(
            command, check=False, env={**os.environ, "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1"}
        ).returncode
        # Exit code 1: some images failed. Two images of the sample fail on purpose.
        if code not in (0, 1):
            raise StackFailed(f"imagebatch-runner local ended with {code}; its output is above")
        say(f"look at {os.path.relpath(out / 'result' / 'report.csv')}")
    finally:
        host.terminate()
        host.communicate()
