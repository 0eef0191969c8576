"""``python -m hosttools.browser``: install the Chromium that the page's tests drive, if missing."""

from __future__ import annotations

import shutil
import sys

from hosttools import apt
from hosttools.errors import CommandFailed, HostError, MissingTool
from hosttools.progress import Say

#: Debian calls it the first name, other distributions the others.
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Fonts are part of it: a machine may have none, and a page without letters tests little.
PACKAGES = ("chromium", "fonts-dejavu-core")


def find() -> str:
    """Return the path of the browser. Raises MissingTool."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise MissingTool("chromium is not installed; `make browser` installs it")


def install(say: Say) -> str:
    """Install the browser unless it is there, and return its path.

    Raises:
        MissingTool: this machine has no apt, or the caller is not root.
        CommandFailed: apt could not.
    """
    try:
        return find()
    except MissingTool:
        apt.install(PACKAGES, say)
    return find()


def main() -> int:
    try:
        install(lambda line: print(f"==> {line}", flush=True))
    except (CommandFailed, HostError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
