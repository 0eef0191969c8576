"""Errors that a user can act on; the command lines print them without a traceback.

HostError
├── MissingTool        a program is missing and cannot be installed automatically
└── CommandFailed      a program ended with an error; the text has its last output
"""

from __future__ import annotations


class HostError(Exception):
    """Base of the errors that these packages raise on purpose."""


class MissingTool(HostError):
    """A program is missing and cannot be installed automatically."""


class CommandFailed(HostError):
    """A program ended with an error; the text has its last output."""
