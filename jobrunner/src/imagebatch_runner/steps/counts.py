"""Count the results of a batch as they arrive."""

from __future__ import annotations

from imagebatch_core.job import Totals
from imagebatch_core.results import ImageResult, ImageStatus

from .result_lines import ResultLine


class ResultCounts:
    """The number of results so far by status, and the bytes of the images that have an output."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(ImageStatus, 0)
        self._bytes_in = 0
        self._bytes_out = 0

    def add(self, result: ImageResult | ResultLine) -> None:
        self._counts[result.status] += 1
        if result.status.has_output:
            self._bytes_in += result.bytes_in or 0
            self._bytes_out += result.bytes_out or 0

    def totals(self) -> Totals:
        return Totals.of(self._counts, self._bytes_in, self._bytes_out)
