"""Match hosts against a credentials entry: ``host[:port]`` or ``*.domain[:port]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_PATTERN = re.compile(
    rf"(?P<wild>\*\.)?(?:(?P<name>{_LABEL}(?:\.{_LABEL})*)|\[(?P<v6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[1-9]\d{0,4}))?",
)
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A pattern of hosts.

    ``name`` is in lower case and punycode, as in DNS. A ``port`` of ``None`` means the scheme's
    default port.
    """

    name: str
    wild: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a pattern; return ``None`` if ``text`` is not one."""
        try:
            plain = text.strip().lower().encode("idna").decode() if not text.isascii() else text
        except UnicodeError:
            return None
        found = _PATTERN.fullmatch(plain.strip().lower())
        if found is None or (found["wild"] and (found["v6"] or "." not in found["name"])):
            return None
        port = int(found["port"]) if found["port"] else None
        if port is not None and port > 65535:
            return None
        return cls(found["name"] or found["v6"], bool(found["wild"]), port)

    @property
    def rank(self) -> tuple[bool, int, bool]:
        """The sort key by which the most specific pattern comes first.

        Exact names come before wildcards, longer domains before shorter ones, and patterns with a
        port before those without.
        """
        return (self.wild, -len(self.name), self.port is None)

    def matches(self, scheme: str, host: str, port: int) -> bool:
        """Return whether the pattern covers a host; ``host`` is in punycode, as in a parsed URL.

        A wildcard does not cover its own domain.
        """
        if port != (self.port if self.port is not None else _DEFAULT_PORTS.get(scheme)):
            return False
        name = host.lower().rstrip(".")
        return name.endswith(f".{self.name}") if self.wild else name == self.name
