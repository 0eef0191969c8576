"""Reads the text fields of a form while its body passes through, and never its files."""

from __future__ import annotations

from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

#: What is kept at most: a form of ours has fewer fields, and its longest field is 1,000 characters.
_MOST_FIELDS: Final = 60
_LONGEST: Final = 4000


class SentFields:
    """The text fields of a multipart form: :meth:`feed` it the body as it arrives.

    A body that is no such form has no fields.
    """

    def __init__(self, content_type: str) -> None:
        self.fields: dict[str, str] = {}
        self._name: str | None = None
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._parser: MultipartParser | None = None
        kind, options = parse_options_header(content_type)
        if kind == b"multipart/form-data" and b"boundary" in options:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._part_begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_end,
                },
            )

    def feed(self, body: bytes) -> None:
        """Read a piece of the body."""
        if self._parser is None or not body:
            return
        try:
            self._parser.write(body)
        except MultipartParseError:
            self._parser = None  # the API says what is wrong with it

    def _part_begin(self) -> None:
        self._name, self._header, self._value, self._disposition = None, b"", b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options and len(self.fields) < _MOST_FIELDS:
            self._name = options.get(b"name", b"").decode(errors="replace") or None

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is not None and len(self._value) < _LONGEST:
            self._value += data[start:end]

    def _part_end(self) -> None:
        if self._name is not None:
            self.fields[self._name] = self._value[:_LONGEST].decode(errors="replace")
