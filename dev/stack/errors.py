"""Errors that end `make demo`, `make up` and `make down`; their text is for the user."""

from __future__ import annotations


class StackFailed(Exception):
    """A step of the installation failed; the text says which and where to look."""


class BuildFailed(Exception):
    """A build ended with an error; its output was shown before."""
