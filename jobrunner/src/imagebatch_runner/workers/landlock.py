"""Restrict this process with Landlock: no access to files, TCP ports and other processes.

Files that are open stay usable. See landlock(7); the numbers are those of ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os

from .kernel import prctl, syscall

_PR_SET_NO_NEW_PRIVS = 38
#: The same on all architectures.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_CREATE_RULESET_VERSION = 1
#: How many rights over files each version of the interface knows: from bit 0, without gaps.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_NOW = 16
_TCP_SINCE, _BIND_AND_CONNECT = 4, 0b11
_SCOPES_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11


def version() -> int:
    """Return the version of the interface that the kernel offers.

    Raises:
        OSError: the kernel has no Landlock, or it is switched off.
    """
    return syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)


def restrict() -> int:
    """Give up everything that Landlock covers, in this thread and its children, for good.

    Return the version of the interface: from 4 on it covers TCP, from 6 on signals and abstract
    Unix sockets.

    Raises:
        OSError: the kernel has no Landlock, or it is switched off.
    """
    found = version()
    fields = [(1 << _FILE_RIGHTS.get(found, _FILE_RIGHTS_NOW)) - 1]
    if found >= _TCP_SINCE:
        fields.append(_BIND_AND_CONNECT)
    if found >= _SCOPES_SINCE:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    ruleset = syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    try:
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return found
