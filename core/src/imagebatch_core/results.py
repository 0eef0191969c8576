"""The result of one image, as parts and ``report.jsonl`` record it, and its error codes."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

# One encoder for all calls: json.dumps with other than default arguments creates one per call, and
# asdict copies every value. Together they took most of the time of plan and collect.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: The most characters of an error message that are recorded.
LONGEST_MESSAGE: Final = 300


class _Status(NamedTuple):
    value: str
    label: str
    meaning: str
    has_output: bool = True
    column: str | None = None


class ImageStatus(StrEnum):
    """How one image ended. Every result has one status and counts as done.

    This is the only list of them: ``Totals``, ``Images``, kubectl's columns, the gateway's progress
    and the summary of a local run derive from it, or a test compares them with it.

    ``meaning`` is a sentence for the documentation. ``label`` names the images in a local summary.
    ``has_output`` says whether there is an output image. ``column`` is the heading of kubectl's
    column, ``None`` if it has none.
    """

    SUCCEEDED = _Status("succeeded", "compressed", "Compressed.")
    KEPT = _Status(
        "kept",
        "kept as they were",
        "Kept unchanged, because compression did not make them smaller.",
    )
    REUSED = _Status("reused", "reused, unchanged", "Reused from the batch that reuseFrom names.")
    FAILED = _Status(
        "failed",
        "failed",
        "Failed, so they have no output; the report says why.",
        False,
        column="Failed",
    )

    label: str
    meaning: str
    has_output: bool
    column: str | None

    def __new__(cls, *row: Any) -> Self:
        status = _Status(*row)
        member = str.__new__(cls, status.value)
        member._value_ = status.value
        member.label = status.label
        member.meaning = status.meaning
        member.has_output = status.has_output
        member.column = status.column
        return member


#: The statuses of images that have an output; a plain string with the same value is in it, too.
WITH_OUTPUT: Final = frozenset(status for status in ImageStatus if status.has_output)


class ErrorCode(StrEnum):
    """Why an image failed. :attr:`retryable` says whether a later attempt may succeed."""

    INVALID_URL = "invalid_url"
    ADDRESS_REFUSED = "address_refused"
    FILE_UNREADABLE = "file_unreadable"
    DNS_FAILED = "dns_failed"
    CONNECT_FAILED = "connect_failed"
    TIMEOUT = "timeout"
    TLS_FAILED = "tls_failed"
    HTTP_STATUS = "http_status"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    INCOMPLETE_BODY = "incomplete_body"
    TOO_MANY_BYTES = "too_many_bytes"
    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    CORRUPT = "corrupt"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMEOUT = "decoder_timeout"
    STORAGE_FAILED = "storage_failed"
    SHARD_FAILED = "shard_failed"
    NOT_PROCESSED = "not_processed"

    @property
    def retryable(self) -> bool:
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        ErrorCode.DNS_FAILED,
        ErrorCode.CONNECT_FAILED,
        ErrorCode.TIMEOUT,
        ErrorCode.TOO_MANY_REQUESTS,
        ErrorCode.SERVER_ERROR,
        ErrorCode.INCOMPLETE_BODY,
        ErrorCode.STORAGE_FAILED,
        ErrorCode.SHARD_FAILED,
        ErrorCode.NOT_PROCESSED,
    }
)


class StoredOutput(NamedTuple):
    """An output in the store at ``key``, and the source from which it was made.

    ``source_sha256`` is the hash of the source's bytes; ``etag``, ``last_modified`` and
    ``final_url_sha256`` are its validators. The fields are as in :class:`ImageResult`. Shard files
    hold them in this order.
    """

    key: str
    source_sha256: str
    etag: str | None
    last_modified: str | None
    final_url_sha256: str | None
    bytes_in: int | None
    bytes_out: int | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class ShardItem:
    """One image of a shard: a line of the shard's file. ``row`` and ``position`` are 1-based.

    ``earlier`` is the output of an earlier batch for the same URL, if it may be reused.
    """

    row: int
    position: int
    url: str
    earlier: StoredOutput | None = None

    def to_line(self) -> str:
        line: list[object] = [self.row, self.position, self.url]
        if self.earlier is not None:
            line.append(self.earlier)
        return _encode(line) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> ShardItem:
        row, position, url, *earlier = json.loads(line)
        return cls(row, position, url, StoredOutput(*earlier[0]) if earlier else None)


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The result of one image: a line of a part and of ``report.jsonl``.

    ``output_key`` is the output's key in the store, ``output_url`` the address for people.
    ``bytes_in`` and ``bytes_out`` are the sizes of source and output in bytes, ``width`` and
    ``height`` are the output's in pixels; they are ``None`` if the image did not get that far.
    ``etag`` and ``last_modified`` are the host's validators of the source, for a later conditional
    request. ``final_url_sha256`` is the hash of the address that redirects led to, ``None`` without
    redirects: the address itself may hold a signature, which must not be recorded. ``recorded_at``
    is the time at which a pod wrote the part with this result, RFC 3339 in UTC; ``None`` if no pod
    did.
    """

    row: int
    position: int
    input_url: str
    status: ImageStatus
    output_url: str | None = None
    output_key: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    retryable: bool = False
    http_status: int | None = None
    attempts: int = 0
    bytes_in: int | None = None
    bytes_out: int | None = None
    width: int | None = None
    height: int | None = None
    source_sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    final_url_sha256: str | None = None
    recorded_at: str | None = None

    def to_line(self) -> str:
        return _encode(dict(zip(_NAMES, _values(self), strict=True))) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> ImageResult:
        """Parse a line; fields that only a newer runner knows are ignored."""
        found = json.loads(line)
        found["status"] = ImageStatus(found["status"])
        code = found.get("error_code")
        found["error_code"] = ErrorCode(code) if code else None
        if not found.keys() <= _KNOWN:
            found = {name: value for name, value in found.items() if name in _KNOWN}
        return cls(**found)

    @classmethod
    def with_output(
        cls,
        item: ShardItem,
        status: ImageStatus,
        output: StoredOutput,
        *,
        url: str,
        http_status: int | None,
        attempts: int,
    ) -> ImageResult:
        """Return the result of an image with an output; ``url`` is its address for people."""
        return cls(
            row=item.row,
            position=item.position,
            input_url=item.url,
            status=status,
            output_url=url,
            output_key=output.key,
            http_status=http_status,
            attempts=attempts,
            bytes_in=output.bytes_in,
            bytes_out=output.bytes_out,
            width=output.width,
            height=output.height,
            source_sha256=output.source_sha256,
            etag=output.etag,
            last_modified=output.last_modified,
            final_url_sha256=output.final_url_sha256,
        )

    @classmethod
    def failure(
        cls,
        item: ShardItem,
        code: ErrorCode,
        message: str,
        *,
        http_status: int | None = None,
        attempts: int = 0,
        retryable: bool | None = None,
    ) -> ImageResult:
        return cls(
            row=item.row,
            position=item.position,
            input_url=item.url,
            status=ImageStatus.FAILED,
            error_code=code,
            error_message=message[:LONGEST_MESSAGE],
            retryable=code.retryable if retryable is None else retryable,
            http_status=http_status,
            attempts=attempts,
        )


_NAMES = tuple(field.name for field in fields(ImageResult))
_KNOWN = frozenset(_NAMES)
_values = attrgetter(*_NAMES)


def saved_share(bytes_in: int, bytes_out: int) -> str:
    """Return the share of bytes that compression saved, as ``61.3%``; ``0.0%`` of no bytes."""
    percent = 100 * (bytes_in - bytes_out) / bytes_in if bytes_in else 0.0
    return f"{round(percent, 1) + 0.0:.1f}%"  # + 0.0: never "-0.0%"
