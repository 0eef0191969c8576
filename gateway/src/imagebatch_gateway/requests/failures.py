"""Groups failed images by error code, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagebatch_core.indexes import FailureGroup
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode
from imagebatch_gateway.answers.result_models import FailureItem
from imagebatch_gateway.backends.errors import ResultUnreadable, StoreUnavailable

from .progress import ProgressReader
from .reported import Reported

#: The meaning of each code, for the person who maintains the catalogue. Details: docs/runner.md.
MESSAGES: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.INVALID_URL: "The text is not a valid image URL.",
    ErrorCode.ADDRESS_REFUSED: "The address is not public and not allowed here.",
    ErrorCode.FILE_UNREADABLE: "The file is not there or cannot be read.",
    ErrorCode.DNS_FAILED: "The host name does not exist, or its name server did not respond.",
    ErrorCode.CONNECT_FAILED: "The host could not be reached.",
    ErrorCode.TIMEOUT: "The host did not send the image within the time limit.",
    ErrorCode.TLS_FAILED: "The host's certificate is not valid, or no TLS connection was possible.",
    ErrorCode.HTTP_STATUS: "The host refused: the image does not exist or is not public.",
    ErrorCode.TOO_MANY_REDIRECTS: "The address redirects too many times.",
    ErrorCode.TOO_MANY_REQUESTS: "The host kept refusing: too many requests, even after waiting.",
    ErrorCode.SERVER_ERROR: "The host responded with a server error.",
    ErrorCode.INCOMPLETE_BODY: "The image arrived only in part.",
    ErrorCode.TOO_MANY_BYTES: "The file is larger than allowed.",
    ErrorCode.EMPTY: "The address leads to an empty file.",
    ErrorCode.NOT_AN_IMAGE: "The address leads to something else than an image, such as a web "
    "page.",
    ErrorCode.UNSUPPORTED_FORMAT: "Images of this format are not supported.",
    ErrorCode.CORRUPT: "The image is damaged or cut off.",
    ErrorCode.TOO_MANY_PIXELS: "The image has more pixels than allowed.",
    ErrorCode.TOO_MANY_FRAMES: "The animation has more frames than allowed.",
    ErrorCode.DECODER_CRASHED: "The image could not be decoded: the decoder crashed.",
    ErrorCode.DECODER_TIMEOUT: "The image took too long to compress.",
    ErrorCode.STORAGE_FAILED: "The output could not be stored.",
    ErrorCode.SHARD_FAILED: "The image was not processed, because its shard failed.",
    ErrorCode.NOT_PROCESSED: "The request ended before this image was processed.",
}


class Failures:
    def __init__(self, progress: ProgressReader, reported: Reported) -> None:
        self._progress = progress
        self._reported = reported

    async def of(self, keys: BatchKeys, *, collected: bool) -> list[FailureItem]:
        """Return one item per error code, the most frequent code first.

        ``collected`` says whether the batch has its report; otherwise the parts are counted.

        Raises:
            ResultMissing, StoreUnavailable
            ResultUnreadable: a newer release wrote them, or they are too many.
        """
        if collected:
            counted = (await self._reported.index(keys)).failures
            if counted is None:
                raise ResultUnreadable(keys.report_index)
            groups = tuple(counted)
        else:
            progress = await self._progress.read(keys)
            if progress is None:
                raise ResultUnreadable(keys.progress)
            if progress.stale:
                raise StoreUnavailable("the object store does not answer or refuses the request")
            groups = progress.failures
        return [_item(group) for group in groups]


def _item(group: FailureGroup) -> FailureItem:
    known = next((code for code in ErrorCode if code == group.code), None)
    return FailureItem(
        code=group.code,
        retryable=group.retryable,
        count=group.count,
        message=MESSAGES[known] if known else group.code,
        examples=group.examples,
    )
