"""Read the lines of parts for the reports, without parsing those that are copied unchanged.

A line of ``report.jsonl`` is the line that a part records. So the line of an image with an output
is passed on unchanged if it is written exactly as :meth:`.ImageResult.to_line` writes it. All other
lines are parsed and written again: of failures, of another release, with escapes in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Final, NamedTuple

from imagebatch_core.results import WITH_OUTPUT, ImageResult, ImageStatus

_PLAIN: Final = r'[^"\\\x00-\x1f]*+'
#: A JSON string as our encoder writes it, but for control characters, which are rare.
_STRING: Final = rf'"{_PLAIN}(?:\\["\\bfnrt]{_PLAIN})*+"'
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
#: What a field of each type looks like in the line of an image with an output.
_PATTERNS: Final = {
    "int": _NUMBER,
    "int | None": rf"(?:{_NUMBER}|null)",
    "str": _STRING,
    "str | None": rf"(?:{_STRING}|null)",
    "bool": "(?:true|false)",
    "ImageStatus": f'"(?:{"|".join(WITH_OUTPUT)})"',
    "ErrorCode | None": "null",
}


class ResultLine(NamedTuple):
    """The result of an image with an output: its ``line``, and the fields that the reports need.

    The fields are as in :class:`.ImageResult`.
    """

    row: int
    position: int
    status: ImageStatus
    output_url: str | None
    bytes_in: int | None
    bytes_out: int | None
    line: bytes


#: A result as the reports need it.
Reported = ResultLine | ImageResult


def results_in(part: bytes) -> Iterator[Reported]:
    """Yield the results of a part in the order in which they were recorded."""
    at = 0
    while at < len(part):
        found = _match(part, at)
        if found is None:
            end = part.find(b"\n", at) + 1 or len(part)
            yield ImageResult.from_line(part[at:end])
        else:
            end = found.end()
            row, position, status, url, bytes_in, bytes_out = found.groups()
            yield ResultLine(
                int(row),
                int(position),
                _STATUSES[status],
                None if url == b"null" else url[1:-1].decode(),
                None if bytes_in == b"null" else int(bytes_in),
                None if bytes_out == b"null" else int(bytes_out),
                part[at:end],
            )
        at = end


def line_of(result: Reported) -> bytes:
    """Return the result's line of ``report.jsonl``."""
    return result.line if isinstance(result, ResultLine) else result.to_line().encode()


def _line_pattern() -> re.Pattern[bytes]:
    wanted = ResultLine._fields
    values = []
    for field in fields(ImageResult):
        pattern = _PATTERNS[str(field.type)]
        if field.name == "output_url":
            pattern = f'(?:"{_PLAIN}"|null)'  # without escapes, so that it is not parsed
        values.append(f'"{field.name}":' + (f"({pattern})" if field.name in wanted else pattern))
    return re.compile((r"\{" + ",".join(values) + r"\}\n").encode())


_match: Final = _line_pattern().match
_STATUSES: Final = {f'"{status}"'.encode(): status for status in WITH_OUTPUT}
