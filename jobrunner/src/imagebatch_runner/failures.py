"""Why one image failed.

::

    ImageFailed          this image alone; recorded, the shard goes on
    ObjectNotTaken       as such an image is recorded whose output the store alone does not take
    StorageUnavailable   the store did not answer for as long as we are told to wait (exit code 1)
    ScratchFull          temporary files find no space (exit code 1)
    SourceUnavailable    the address of the batch's CSV fails in a way that may pass (exit code 1)
    SourceMissing        the batch's CSV is not where the source says (exit code 2)
"""

from __future__ import annotations

from imagebatch_core.errors import ImageBatchError, InputRefused
from imagebatch_core.results import ErrorCode


class ImageFailed(Exception):
    """One image failed; ``http_status`` is of the last attempt's last answer, if there was one.

    ``retry_after`` is the host's own wish in seconds. ``attempts`` counts tries to fetch, 1-based.
    ``message`` may quote a host or a file: what of it could not be recorded or shown in one line is
    replaced. It is whole: cut before credentials are taken out of it, it could keep the first part
    of one. What is recorded of it is short: see :meth:`.ImageResult.failure`.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        message = _readable(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status
        self.retry_after = retry_after
        self.attempts = 0


def _readable(text: str) -> str:
    """Bytes that are no UTF-8 arrive as lone surrogates, which no JSON file can hold."""
    return "".join(c if c.isprintable() else " " for c in text)


class ObjectNotTaken(ImageBatchError):
    """The object store does not take this one object, while it takes others."""


class StorageUnavailable(ImageBatchError):
    """The object store did not answer within the configured patience."""


class SourceUnavailable(ImageBatchError):
    """The batch's CSV could not be had from its address: no answer, or one that says later."""


class ScratchFull(ImageBatchError):
    """The volume of temporary files has no space left."""


class SourceMissing(InputRefused):
    """There is no CSV where the batch's source says."""
