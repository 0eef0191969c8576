"""Errors that a user can act on; the command line prints them without a traceback.

LocalClusterError
├── BadName            an instance name that cannot become a node, cgroup and folder name
├── MissingTool        a program the machine lacks and that cannot be installed for it
├── CommandFailed      a program ended with an error; carries its last words
├── BuildFailed        the Go build of Kubernetes did not finish
├── NotReady           something did not become ready in time; names its log
├── NotRunning         the command needs a running instance
├── PortTaken          a host port already serves something else
├── BadArchive         a file that is no image archive
└── Unsupported        the chosen kind of cluster cannot do this; says what to do instead
"""

from __future__ import annotations


class LocalClusterError(Exception):
    """Root of everything this package raises on purpose."""


class BadName(LocalClusterError):
    """An instance name that cannot become a node, cgroup and folder name."""


class MissingTool(LocalClusterError):
    """A program the machine lacks and that cannot be installed for it."""


class CommandFailed(LocalClusterError):
    """A program ended with an error; carries its last words."""


class BuildFailed(LocalClusterError):
    """The Go build of Kubernetes did not finish."""


class NotReady(LocalClusterError):
    """Something did not become ready in time."""


class NotRunning(LocalClusterError):
    """The command needs a running instance."""


class PortTaken(LocalClusterError):
    """A host port already serves something else."""


class BadArchive(LocalClusterError):
    """A file that is no image archive."""


class Unsupported(LocalClusterError):
    """The chosen kind of cluster cannot do this."""
