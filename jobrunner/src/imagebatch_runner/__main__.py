"""Entry point of ``imagebatch-runner`` and ``python -m imagebatch_runner``."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import NoReturn

_STEPS = ("plan", "compress", "collect")


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1] in _STEPS:
        # A pod does not load the command line's libraries, which take a quarter of the start-up.
        gc.disable()  # imports create many lasting objects and no garbage
        # To look for its plugins, pydantic reads the metadata of every installed package.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        from imagebatch_core.job import Step  # noqa: PLC0415

        from .pod import run_step  # noqa: PLC0415

        gc.freeze()  # later collections skip the imported objects
        gc.enable()
        _leave(run_step.main(Step(sys.argv[1])))
    from .cli import app  # noqa: PLC0415

    try:
        app()
    except SystemExit as ended:
        _leave(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _leave(code: int) -> NoReturn:
    """End the process with this exit code, without the interpreter's own end.

    The threads of obstore may call into an interpreter that is ending, which aborts the process: a
    pod that had done its work ended with SIGABRT instead of 0, 3 times in 80 on a busy machine.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
