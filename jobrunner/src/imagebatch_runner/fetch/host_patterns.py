"""Which hosts an entry of the credentials is for: ``host[:port]`` or ``*.domain[:port]``."""

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
    """``name`` in lower case and in the form that DNS sees; ``port`` ``None``: the scheme's own."""

    name: str
    wild: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """``None`` when it is no pattern."""
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
        """Sorts the closest first: exact before wild, longer domains and own ports before."""
        return (self.wild, -len(self.name), self.port is None)

    def matches(self, scheme: str, host: str, port: int) -> bool:
        """``host`` as in a parsed URL: lower case, punycode; a wildcard is not its own domain."""
        if port != (self.port if self.port is not None else _DEFAULT_PORTS.get(scheme)):
            return False
        name = host.lower().rstrip(".")
        return name.endswith(f".{self.name}") if self.wild else name == self.name
