"""Classify errors of the object store: errors that may pass, refusals, and others."""

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
from imagebatch_core.names import KEY_PAIR_HINT
from imagebatch_runner.failures import StorageUnavailable

#: Errors that say that the condition of a conditional request does not hold or is not supported.
_CONDITIONS = (NotSupportedError, AlreadyExistsError, PreconditionError)

#: The store is full, or its quota is used up: ENOSPC and EDQUOT of a folder, status 507 of S3, and
#: the codes of MinIO and Ceph, which come with 507, 400 and 403.
_FULL = re.compile(
    r"\(os error (28|122)\)|non-2xx status code: 507"
    r"|<Code>(XMinioStorageFull|XMinioAdminBucketQuotaExceeded|QuotaExceeded)</Code>"
)

#: The error code of a multipart upload that was completed but whose response was lost.
_UPLOAD_GONE: Final = "<Code>NoSuchUpload</Code>"


#: The metadata services of cloud nodes. obstore asks them for keys if none are configured.
_NODE_KEYS = re.compile(r"http://169\.254\.(169\.254|170\.2)/")


def unavailable(error: Exception) -> StorageUnavailable:
    """Return the error to raise when ``error`` has not passed within the patience."""
    if is_full(error):
        return StorageUnavailable(f"no space is left for what is stored: {first_line(error)}")
    return StorageUnavailable(f"the object store does not answer: {first_line(error)}")


def refused(error: Exception, key: str) -> StorageRefused | None:
    """Return the refusal that ``error`` at ``key`` means; ``None`` if it is not a refusal.

    A condition that does not hold is not a refusal, although its status is a 4xx as well: the
    object exists already, maybe from a first attempt whose response was lost. A full store is not a
    refusal either, because somebody will make room in it.
    """
    if isinstance(error, _CONDITIONS) or is_full(error):
        return None
    if _NODE_KEYS.search(str(error)):
        return StorageRefused(
            "no key pair for the object store: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not "
            f"set ({KEY_PAIR_HINT}), and the node gives none ({first_line(error)})"
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
    """Return an error of a write that may pass, or a refusal; raise any other error."""
    try:
        return passing(error, key, writing=True)
    except StorageRefused as refusal:
        return refusal


def passing(error: Exception, key: str, *, writing: bool) -> BaseError:
    """Return ``error`` if it may pass with time; raise StorageRefused for a refusal, and any other
    error as it is. ``writing`` says that the request for ``key`` was a write."""
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
    """Return whether the status is a 4xx that does not pass.

    obstore's listings have no error class for it.
    """
    found = re.search(r"non-2xx status code: (4\d\d)", str(error))
    return found is not None and found[1] not in ("404", "408", "425", "429")


def is_full(error: BaseException) -> bool:
    """Return whether the store says that it is full. Some full stores only report a failure."""
    return _FULL.search(str(error)) is not None


def first_line(error: BaseException) -> str:
    """Return the error's first line: obstore's messages end with a dump of the request."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
