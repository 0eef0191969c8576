"""Entry point of ``python3 dev/samplehost``, which runs a folder, not a package."""

import runpy
import sys
from pathlib import Path

# Python adds this folder to the path, but its modules must be imported as a package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
runpy.run_module("samplehost.cli", run_name="__main__")
