"""What decides must be testable without a cluster, so it may not reach one."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["decide", "after_end", "draft", "conditions", "actions", "idle", "earlier"]
)
def test_deciding_imports_no_client_and_no_network(module: str) -> None:
    program = (
        f"import sys, imagebatch_operator.{module}\n"
        "bad = {'kopf', 'kubernetes', 'aiohttp', 'obstore', 'boto3'} & set(sys.modules)\n"
        "sys.exit(f'imports {bad}' if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
