"""The keys of the history of requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from .names import OBJECT_NAME

#: The parts that hold the records of requests, and the objects that point to them by name.
REQUESTS: Final = "requests"


REQUESTS_BY_NAME: Final = "requests-by-name"


#: The time from which the times in keys of records count backwards: in the year 2286.
_LAST_SECOND: Final = 9_999_999_999


_RECORD: Final = re.compile(rf"(?P<reversed>[0-9]{{10}})-(?P<name>{OBJECT_NAME})\.json")


class RecordName(NamedTuple):
    """The parts of the key of a request's record: when its resource was created, in seconds since
    1970, and the resource's name.
    """

    created: int
    name: str


@dataclass(frozen=True, slots=True)
class HistoryKeys:
    """The keys of a namespace's history; ``prefix`` is that of :func:`store_prefix`.

    Records are at ``requests/<reversed time>-<name>.json``, so a listing gives the newest first.
    """

    namespace: str
    prefix: str = ""

    @property
    def records(self) -> str:
        """The key prefix of the records."""
        return f"{self.prefix}{self.namespace}/{REQUESTS}/"

    @property
    def pointers(self) -> str:
        """The key prefix of the objects that point from a batch's name to its record."""
        return f"{self.prefix}{self.namespace}/{REQUESTS_BY_NAME}/"

    def record(self, created: int, name: str) -> str:
        """Return the key of a record; ``created`` is in seconds since 1970."""
        return f"{self.records}{_LAST_SECOND - created:010d}-{name}.json"

    def pointer(self, name: str) -> str:
        return f"{self.pointers}{name}"

    def parse_record(self, key: str) -> RecordName | None:
        """Parse the key of a record; ``None`` if it is none of this namespace's."""
        match = _RECORD.fullmatch(key.removeprefix(self.records))
        if match is None or not key.startswith(self.records):
            return None
        return RecordName(_LAST_SECOND - int(match["reversed"]), match["name"])
