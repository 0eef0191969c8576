"""Errors that a user can act on; the command lines print them without a traceback.

HostError
├── MissingTool        a program the machine lacks and that cannot be installed for it
└── CommandFailed      a program ended with an error; carries its last words
"""

from __future__ import annotations


class HostError(Exception):
    """Root of everything that these packages raise on purpose."""


class MissingTool(HostError):
    """A program the machine lacks and that cannot be installed for it."""


class CommandFailed(HostError):
    """A program ended with an error; carries its last words."""
