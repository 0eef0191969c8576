"""Entry point of ``imagebatch`` and ``python -m imagebatch``."""

from __future__ import annotations

import os

from .cli.app import app

#: Shells set it to ask for completions.
COMPLETE = "_IMAGEBATCH_COMPLETE"


def one_line_each() -> None:
    """Keep the help beside a completion on its line: Rich would break it at 80 columns."""
    if os.environ.get(COMPLETE):
        os.environ["COLUMNS"] = "1000"


def main() -> None:
    """Run the command."""
    one_line_each()
    app(prog_name="imagebatch", complete_var=COMPLETE)


if __name__ == "__main__":
    main()
