"""Entry point of ``python3 dev/samplehost``, which runs a folder, not a package."""

import runpy
import sys
from pathlib import Path

# Python puts this folder first, where its modules would have no package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
runpy.run_module("samplehost.cli", run_name="__main__")
