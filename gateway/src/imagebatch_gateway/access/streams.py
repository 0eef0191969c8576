"""Limits on event streams: their number at a time, of one caller and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from imagebatch_gateway import metrics
from imagebatch_gateway.answers.access_problems import no_room_for_stream, too_many_streams
from imagebatch_gateway.settings import Settings


class EventStreams:
    """Counts the open streams of this replica."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.event_streams
        self._most_of_one = settings.event_streams_per_caller
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, owner: str) -> Iterator[None]:
        """Count a stream of a caller until the block ends.

        Raises:
            Problem: 429 if the caller has too many open streams, 503 if all callers together have.
        """
        if self._open[owner] >= self._most_of_one:
            raise too_many_streams(self._most_of_one)
        if self._open.total() >= self._most:
            raise no_room_for_stream()
        self._open[owner] += 1
        try:
            with metrics.EVENT_STREAMS.track_inprogress():
                yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]
