"""Texts of the pages about states, formats, qualities and failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from imagebatch_core.formats import Format
from imagebatch_core.reasons import Reason
from imagebatch_core.results import ErrorCode, ImageStatus


class StateWords(NamedTuple):
    """A state of a request: its label, the symbol beside it, and a sentence."""

    label: str
    symbol: str
    meaning: str


#: Of the values of ``status`` in the API.
STATES: Final[Mapping[str, StateWords]] = {
    "pending": StateWords("Waiting", "clock", "It has been taken and waits for its turn."),
    "processing": StateWords("Running", "run", "Images are being fetched and compressed."),
    "suspended": StateWords("Paused", "pause", "Nothing runs until somebody resumes it."),
    "completed": StateWords("Completed", "check", "Every image has a result."),
    "failed": StateWords("Failed", "cross", "It ended without the result that was asked for."),
    "cancelled": StateWords("Cancelled", "stop", "Somebody ended it before its time."),
}
#: Reasons whose message says no more than the state and the progress beside it.
PLAIN_REASONS: Final = frozenset({
    Reason.COMPLETED, Reason.COMPLETED_WITH_FAILURES, Reason.IN_PROGRESS, Reason.PLANNING,
    Reason.COMPRESSING, Reason.COLLECTING,
})  # fmt: skip
#: States after which a request does not change any more.
ENDED: Final = frozenset({"completed", "failed", "cancelled"})


class FormatWords(NamedTuple):
    label: str
    meaning: str


FORMATS: Final[Mapping[Format, FormatWords]] = {
    Format.JPEG: FormatWords("JPEG", "Opens everywhere. Transparent areas become white."),
    Format.WEBP: FormatWords("WebP", "Smaller than JPEG, keeps transparency. For web shops."),
    Format.AVIF: FormatWords("AVIF", "The smallest files, and the slowest to make."),
    Format.PNG: FormatWords("PNG", "Nothing is lost. For logos and drawings, not photographs."),
    Format.ORIGINAL: FormatWords("As it is", "Each image keeps its own format."),
}


class QualityWords(NamedTuple):
    """The description of qualities up to ``highest``."""

    highest: int
    meaning: str


QUALITIES: Final = (
    QualityWords(29, "Very small files. Blocks and blurred edges are easy to see."),
    QualityWords(44, "Small files. Soft details; good enough for thumbnails."),
    QualityWords(64, "A good balance for product photographs on a web page."),
    QualityWords(84, "Fine details stay. For images that are looked at closely."),
    QualityWords(100, "Hardly to be told from the original, and not much smaller."),
)

#: Of the statuses of images: the word beside their number.
IMAGE_STATES: Final[Mapping[ImageStatus, str]] = {
    ImageStatus.SUCCEEDED: "Compressed",
    ImageStatus.KEPT: "Kept as it was",
    ImageStatus.REUSED: "Taken over",
    ImageStatus.FAILED: "Failed",
}


class FailureWords(NamedTuple):
    """A reason in few words, and what its reader can do."""

    title: str
    advice: str


_LATER: Final = "Retry these in some minutes."
FAILURES: Final[Mapping[ErrorCode, FailureWords]] = {
    ErrorCode.INVALID_URL: FailureWords(
        "Not an address of an image",
        "Correct the addresses in these rows: each begins with https:// or http://.",
    ),
    ErrorCode.ADDRESS_REFUSED: FailureWords(
        "Address inside a private network",
        "Use public addresses, or ask whoever runs ImageBatch to allow this host.",
    ),
    ErrorCode.FILE_UNREADABLE: FailureWords(
        "File cannot be read", "Check that the file is where the row says, then send these again."
    ),
    ErrorCode.DNS_FAILED: FailureWords(
        "Host does not exist",
        "Look for a typing error in the host's name. If it is right, retry these later.",
    ),
    ErrorCode.CONNECT_FAILED: FailureWords(
        "Host could not be reached", f"The host may be down. {_LATER}"
    ),
    ErrorCode.TIMEOUT: FailureWords("Host was too slow", f"The host may be busy. {_LATER}"),
    ErrorCode.TLS_FAILED: FailureWords(
        "No secure connection",
        "The host's certificate is not valid. Tell whoever runs that host, then send these again.",
    ),
    ErrorCode.HTTP_STATUS: FailureWords(
        "Image not found or not open",
        "Open one of the addresses in a browser. Correct those that are gone; ask the host's owner "
        "for access to the others.",
    ),
    ErrorCode.TOO_MANY_REDIRECTS: FailureWords(
        "Address leads round in circles", "Put the final address of each image into these rows."
    ),
    ErrorCode.TOO_MANY_REQUESTS: FailureWords(
        "Host asked us to slow down",
        "Retry these later, with fewer pods at the same time.",
    ),
    ErrorCode.SERVER_ERROR: FailureWords(
        "Host had an error", f"The fault is on the host's side. {_LATER}"
    ),
    ErrorCode.INCOMPLETE_BODY: FailureWords(
        "Image arrived only in part", f"The connection broke off. {_LATER}"
    ),
    ErrorCode.TOO_MANY_BYTES: FailureWords(
        "File is too large", "Put a smaller version of the image into these rows."
    ),
    ErrorCode.EMPTY: FailureWords(
        "File is empty", "Upload the image to its host again, then send these rows again."
    ),
    ErrorCode.NOT_AN_IMAGE: FailureWords(
        "Address is not an image",
        "The address leads to a web page or another file. Put the image's own address there: in a "
        "browser, right-click the image and copy its address.",
    ),
    ErrorCode.UNSUPPORTED_FORMAT: FailureWords(
        "Format cannot be read", "Save the image as JPEG, PNG or WebP, then send these rows again."
    ),
    ErrorCode.CORRUPT: FailureWords(
        "Image is damaged", "Upload the image to its host again, then send these rows again."
    ),
    ErrorCode.TOO_MANY_PIXELS: FailureWords(
        "Image has too many pixels", "Put a smaller version of the image into these rows."
    ),
    ErrorCode.TOO_MANY_FRAMES: FailureWords(
        "Animation is too long", "Put a shorter animation or a still image into these rows."
    ),
    ErrorCode.DECODER_CRASHED: FailureWords(
        "Image cannot be opened",
        "The file may be damaged. Save it anew with another program, then send these rows again.",
    ),
    ErrorCode.DECODER_TIMEOUT: FailureWords(
        "Image took too long", "Put a smaller version of the image into these rows."
    ),
    ErrorCode.STORAGE_FAILED: FailureWords(
        "Result could not be stored",
        "Nothing is wrong with these images. Retry these once the object store works again.",
    ),
    ErrorCode.SHARD_FAILED: FailureWords(
        "Given up", "Nothing is wrong with these images. Retry these."
    ),
    ErrorCode.NOT_PROCESSED: FailureWords(
        "Not reached", "The request ended before them. Retry these."
    ),
}


def failure_words(code: str, message: str) -> FailureWords:
    """Return the text for an error code; for an unknown code, the API's message."""
    known = next((words for error, words in FAILURES.items() if error == code), None)
    return known or FailureWords(message or code, "Retry these, or look at the rows below.")
