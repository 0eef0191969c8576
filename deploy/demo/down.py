"""``python3 -m demo.down``: stop all that the demo started. Needs no .venv."""

from __future__ import annotations

import shutil
import subprocess
import sys

from .places import ENVIRONMENT, ROOT, module

INSTANCE = "dev"


def main() -> int:
    code = subprocess.run(
        module("localcluster", "down", "--name", INSTANCE), cwd=ROOT, env=ENVIRONMENT, check=False
    ).returncode
    if code == 0:
        shutil.rmtree(ROOT / ".local", ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
