"""What an error of the object store means: it may pass, it is a refusal, or it is neither."""

from __future__ import annotations

import re
from typing import Final

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from imagebatch_core.errors import StorageRefused
from imagebatch_core.names import RUNNER_STORAGE_SECRET
from imagebatch_runner.failures import StorageUnavailable

#: Errors about the condition of a conditional request.
_CONDITIONS = (NotSupportedError, AlreadyExistsError, PreconditionError)

#: The store is full, or its quota is used up: ENOSPC and EDQUOT of a folder, status 507 of S3, and
#: the codes of MinIO and Ceph, which come with 507, 400 and 403.
_FULL = re.compile(
    r"\(os error (28|122)\)|non-2xx status code: 507"
    r"|<Code>(XMinioStorageFull|XMinioAdminBucketQuotaExceeded|QuotaExceeded)</Code>"
)

#: A multipart upload is gone: it was completed, and the answer that said so was lost.
_UPLOAD_GONE: Final = "<Code>NoSuchUpload</Code>"


#: Where cloud nodes give out keys, asked when a program was given none.
_NODE_KEYS = re.compile(r"http://169\.254\.(169\.254|170\.2)/")


def unavailable(error: Exception) -> StorageUnavailable:
    """The error to raise when the store failed for as long as it was waited for."""
    if is_full(error):
        return StorageUnavailable(f"no space is left for what is stored: {first_line(error)}")
    return StorageUnavailable(f"the object store does not answer: {first_line(error)}")


def refused(error: Exception, key: str) -> StorageRefused | None:
    """The refusal that an error means, ``None`` if it is no refusal.

    A condition that does not hold is none, although it is a 4xx as well: something is there
    already, maybe put by a first attempt whose answer was lost. Nor is a full store, which
    somebody will make room in.
    """
    if isinstance(error, _CONDITIONS) or is_full(error):
        return None
    if _NODE_KEYS.search(str(error)):
        return StorageRefused(
            "no key pair for the object store: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not "
            f"set (in a cluster: by the Secret {RUNNER_STORAGE_SECRET}), and the node gives none "
            f"({first_line(error)})"
        )
    if re.search(r"\(os error (13|30)\)", str(error)):  # EACCES or EROFS of a folder
        return StorageRefused(f"the store's folder cannot be used: {first_line(error)}")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or _is_refusal(error):
        return StorageRefused(
            f"the object store refuses access to {key!r}: check the key pair and its rights "
            f"({first_line(error)})"
        )
    return None


def passing_or_refusal(error: Exception, key: str) -> BaseError | StorageRefused:
    """As :func:`passing` when writing, but a refusal is returned as well."""
    try:
        return passing(error, key, writing=True)
    except StorageRefused as refusal:
        return refusal


def passing(error: Exception, key: str, *, writing: bool) -> BaseError:
    """Return an error that may pass with time; raise any other, a refusal as StorageRefused."""
    refusal = refused(error, key)
    if refusal is not None:
        raise refusal from error
    if isinstance(error, FileNotFoundError) and _UPLOAD_GONE in str(error):
        return BaseError(str(error))
    if isinstance(error, FileNotFoundError) and writing:
        raise StorageRefused(
            f"the object store has no place for {key!r}: does the bucket exist? "
            f"({first_line(error)})"
        ) from error
    if isinstance(error, _CONDITIONS) or not isinstance(error, BaseError):
        raise error
    return error


def _is_refusal(error: Exception) -> bool:
    """Whether the status is a 4xx that stays. Listings have no class of error for it."""
    found = re.search(r"non-2xx status code: (4\d\d)", str(error))
    return found is not None and found[1] not in ("404", "408", "425", "429")


def is_full(error: BaseException) -> bool:
    """Whether the store says that it is full. Some full stores only say that they failed."""
    return _FULL.search(str(error)) is not None


def first_line(error: BaseException) -> str:
    """The error's first line: obstore's messages end with a dump of the request."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
