"""Entry point of ``imagebatch-runner`` and ``python -m imagebatch_runner``."""

from __future__ import annotations

import gc
import os
import sys

_STEPS = ("plan", "compress", "collect")


def main() -> None:
    if sys.argv[1:] == ["relay"]:
        from .pod import relay  # noqa: PLC0415

        sys.exit(relay.main(os.environ))
    if len(sys.argv) == 2 and sys.argv[1] in _STEPS:
        # A pod does not load the command line's libraries, which take a quarter of the start-up.
        gc.disable()  # imports create many lasting objects and no garbage
        # To look for its plugins, pydantic reads the metadata of every installed package.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        from imagebatch_core.job import Step  # noqa: PLC0415

        from .pod import run_step  # noqa: PLC0415

        gc.freeze()  # later collections skip the imported objects
        gc.enable()
        sys.exit(run_step.main(Step(sys.argv[1])))
    from .cli import app  # noqa: PLC0415

    app()


if __name__ == "__main__":
    main()
