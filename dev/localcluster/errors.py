"""Errors that a user can act on; the command line prints them without a traceback.

HostError              of hosttools, which has more of them
├── BadName            an instance name that cannot become a node, cgroup and folder name
├── BuildFailed        the Go build of Kubernetes did not finish
├── NotReady           something did not become ready in time; names its log
├── NotRunning         the command needs a running instance
├── PortTaken          a host port already serves something else
└── BadArchive         a file that is no image archive
"""

from __future__ import annotations

from hosttools.errors import HostError


class BadName(HostError):
    """An instance name that cannot become a node, cgroup and folder name."""


class BuildFailed(HostError):
    """The Go build of Kubernetes did not finish."""


class NotReady(HostError):
    """Something did not become ready in time."""


class NotRunning(HostError):
    """The command needs a running instance."""


class PortTaken(HostError):
    """A host port already serves something else."""


class BadArchive(HostError):
    """A file that is no image archive."""
