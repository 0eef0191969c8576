"""Why an image or a step failed.

::

    ImageFailed          one image failed; it is recorded, and the shard goes on
    ObjectNotTaken       the store takes other objects, and not this image's output; recorded too
    StorageUnavailable   the store did not answer for as long as it is waited for (exit code 1)
    ScratchFull          there is no space for temporary files (exit code 1)
    SourceUnavailable    the address of the batch's CSV fails in a way that may pass (exit code 1)
    SourceMissing        the batch's CSV is not where the source says (exit code 2)
"""

from __future__ import annotations

from imagebatch_core.errors import ImageBatchError, InputRefused
from imagebatch_core.results import ErrorCode


class ImageFailed(Exception):
    """One image failed.

    ``http_status`` is that of the last attempt's last answer, if there was one. ``retry_after`` is
    the wait in seconds that the host asked for. ``attempts`` counts the tries to fetch. ``message``
    may quote a host or a file; characters that cannot be shown on one line are replaced. It must
    not be cut before credentials are redacted, or the first half of one could stay:
    :meth:`.ImageResult.failure` cuts it.
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
    """The text without control characters and lone surrogates, which JSON in UTF-8 cannot hold."""
    return "".join(c if c.isprintable() else " " for c in text)


class ObjectNotTaken(ImageBatchError):
    """The object store takes other objects, and not this one."""


class StorageUnavailable(ImageBatchError):
    """The object store did not answer for as long as ``storage_patience_seconds`` says."""


class SourceUnavailable(ImageBatchError):
    """The address of the batch's CSV did not answer, or answered that it may later."""


class ScratchFull(ImageBatchError):
    """The volume of temporary files has no space left."""


class SourceMissing(InputRefused):
    """There is no CSV where the batch's source says."""
