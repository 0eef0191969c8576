"""``python3 -m stack.down``: stop all that `make up` and `make demo` started.

Needs no .venv.

What was installed into the user's own cluster is removed from there, whatever the current context
is now.
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
