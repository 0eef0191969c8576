"""Errors that a user can act on; the command line prints them without a traceback.

ImageBuildError
├── MissingTool        a program the machine lacks and that cannot be installed for it
└── CommandFailed      a program ended with an error; carries its last words
"""

from __future__ import annotations


class ImageBuildError(Exception):
    """Root of everything this package raises on purpose."""


class MissingTool(ImageBuildError):
    """A program the machine lacks and that cannot be installed for it."""


class CommandFailed(ImageBuildError):
    """A program ended with an error; carries its last words."""
