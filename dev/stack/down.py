"""``python3 -m stack.down``: stop everything that `make up` and `make demo` started.

It needs no .venv. An installation in the user's own cluster is removed even if the user has
switched to another context since.
"""

from __future__ import annotations

import shutil
import sys

from hosttools.errors import HostError

from . import installed
from .errors import StackFailed
from .say import say


def main() -> int:
    try:
        installed.current().down()
        installed.own().down()
    except (StackFailed, HostError) as error:
        say(f"error: {error}")
        return 1
    shutil.rmtree(installed.LOCAL, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
