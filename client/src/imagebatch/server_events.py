"""Reads server-sent events from the bytes of a response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``id`` is the last one that the stream has named."""

    name: str
    data: str
    id: str | None


class EventReader:
    r"""Collects bytes into events, as the HTML standard's section on event streams has it.

    Lines end with ``\n`` or ``\r\n``, as the gateway writes them. httpx's own lines are not used:
    they end at U+2028 as well, which a product's name may hold.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next bytes and yield the events that they complete."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            event = self._line(line.removesuffix(b"\r").decode())
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if line:
            self._field(line)
            return None
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Event(name or "message", "\n".join(data), self._id) if data else None

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
