"""The errors that fail an image or a step.

::

    ImageFailed          one image failed; it is recorded, and the shard goes on
    ObjectNotTaken       the store refuses this image's output but accepts others; recorded too
    StorageUnavailable   the store did not respond within the patience (exit code 1)
    ScratchFull          there is no space for temporary files (exit code 1)
    SourceUnavailable    the address of the batch's CSV fails, perhaps for a while (exit code 1)
    SourceMissing        the batch's CSV is not where the source says (exit code 2)
    NothingToRetry       no image of the earlier batch failed in the way asked for (exit code 2)
    SourcesUnreachable   no image host of the batch accepted a connection (exit code 2)
    NothingPlanned       the batch ended early, before it was planned (exit code 2)
"""

from __future__ import annotations

from imagebatch_core.errors import ImageBatchError, InputRefused
from imagebatch_core.results import ErrorCode


class ImageFailed(Exception):
    """One image failed.

    ``http_status`` is the status of the last response to the last attempt, if there was one.
    ``retry_after`` is the wait in seconds that the host asked for. ``attempts`` counts the attempts
    to fetch. ``message`` may quote a host or a file; characters that cannot be shown on one line
    are replaced. Redact credentials in it before cutting it, or half of a credential could stay:
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
    """Replace control characters and lone surrogates by spaces: JSON in UTF-8 cannot hold them."""
    return "".join(c if c.isprintable() else " " for c in text)


class ObjectNotTaken(ImageBatchError):
    """The object store refuses this object but accepts others."""


class StorageUnavailable(ImageBatchError):
    """The object store did not respond within ``storage_patience_seconds``."""


class SourceUnavailable(ImageBatchError):
    """The URL of the batch's CSV did not respond, or failed in a way that may be temporary."""


class ScratchFull(ImageBatchError):
    """The volume of temporary files has no space left."""


class SourceMissing(InputRefused):
    """The batch's source names a CSV that does not exist."""


class NothingToRetry(InputRefused):
    """No image of the batch of ``retryOf`` failed in the way that is asked for."""


class SourcesUnreachable(InputRefused):
    """No host of a sample of the batch's images accepted a connection."""


class NothingPlanned(InputRefused):
    """There is nothing to collect: the batch ended early, before it was planned."""
