"""``imagebatch-runner`` and ``python -m imagebatch_runner``."""

from __future__ import annotations

import gc
import os
import sys

_STEPS = ("plan", "compress", "collect")


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1] in _STEPS:
        # A pod has no use for the command line's libraries: a quarter of its time to start.
        gc.disable()  # imports make much that stays and no garbage
        # Looking for plugins of pydantic reads the metadata of every package that is installed.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        from imagebatch_core.job import Step  # noqa: PLC0415

        from .pod import run_step  # noqa: PLC0415

        gc.freeze()  # and no later collection looks at it again
        gc.enable()
        sys.exit(run_step.main(Step(sys.argv[1])))
    from .cli import app  # noqa: PLC0415

    app()


if __name__ == "__main__":
    main()
