"""The bucket, by boto3: it lists and aborts multipart uploads, which obstore cannot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagebatch_core.errors import ConfigurationRefused, ImageBatchError
from imagebatch_core.names import ENV_STORE
from imagebatch_core.store import endpoint_of, region_of

from .rules import Unfinished

#: Keys of one request that deletes, as S3 allows.
_DELETED_AT_ONCE: Final = 1000
_MISSING: Final = {"NoSuchKey", "404"}
_FORBIDDEN: Final = {"AccessDenied", "403", "NotImplemented", "MethodNotAllowed"}


class BucketFailed(ImageBatchError):
    """The store refused a request or did not answer it, after retries."""


class BucketForbidden(BucketFailed):
    """The key pair has not the right, or the store does not know the request."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was read."""

    data: bytes
    written: datetime


class Bucket:
    """Lists, reads and deletes objects of one bucket. Every listing is whole, or an error."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    @classmethod
    def open(cls, url: str, env: Mapping[str, str]) -> Bucket:
        """Open the bucket of ``s3://bucket[/prefix]``; ``env`` has the AWS variables.

        Raises:
            ConfigurationRefused: the URL is of another form.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ConfigurationRefused(f"{ENV_STORE}={url!r}: it must be of the form s3://bucket")
        endpoint = endpoint_of(env)
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region_of(env),
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 5},
                s3={"addressing_style": "path" if endpoint else "auto"},
                # Checksums that stores other than AWS do not know.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        return cls(client, parts.netloc)

    def folders(self, prefix: str) -> list[str]:
        """Return the prefixes that end at the next slash after ``prefix``."""
        pages = self._pages(prefix, delimiter="/")
        return [one["Prefix"] for page in pages for one in page.get("CommonPrefixes") or []]

    def objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Yield the key of each object below a prefix and the time at which it was written."""
        for page in self._pages(prefix):
            for one in page.get("Contents") or []:
                yield one["Key"], one["LastModified"]

    def unfinished(self, prefix: str) -> list[Unfinished]:
        """Return the multipart uploads below a prefix that are neither completed nor aborted."""
        found: list[Unfinished] = []
        marker: dict[str, str] = {}
        while True:
            with _translated("list the multipart uploads", prefix):
                page = self._client.list_multipart_uploads(
                    Bucket=self._name, Prefix=prefix, **marker
                )
            found += [
                Unfinished(one["Key"], one["UploadId"], one["Initiated"])
                for one in page.get("Uploads") or []
                if one["Key"].startswith(prefix)  # not every store acts on the prefix
            ]
            if not page.get("IsTruncated"):
                return found
            following = {
                "KeyMarker": page.get("NextKeyMarker") or "",
                "UploadIdMarker": page.get("NextUploadIdMarker") or "",
            }
            if not following["KeyMarker"] or following == marker:
                raise BucketFailed(f"the list of multipart uploads below {prefix!r} is cut short")
            marker = following

    def get(self, key: str) -> Stored | None:
        """Return an object; ``None`` if it does not exist."""
        try:
            with _translated("read", key):
                found = self._client.get_object(Bucket=self._name, Key=key)
                return Stored(found["Body"].read(), found["LastModified"])
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        with _translated("write", key):
            self._client.put_object(Bucket=self._name, Key=key, Body=data)

    def delete(self, keys: Iterable[str]) -> int:
        """Delete objects; one that is gone already is no error. Return how many were named.

        Raises:
            BucketFailed: the store did not delete all of them.
        """
        count = 0
        remaining = iter(keys)
        while some := list(islice(remaining, _DELETED_AT_ONCE)):
            named = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            with _translated("delete", some[0]):
                answer = self._client.delete_objects(Bucket=self._name, Delete=named)
            if problems := answer.get("Errors"):
                key, text = problems[0].get("Key"), problems[0].get("Message")
                raise BucketFailed(f"cannot delete {key!r} and {len(problems) - 1} others: {text}")
            count += len(some)
        return count

    def abort(self, upload: Unfinished) -> None:
        """Abort a multipart upload; one that is gone already is no error."""
        try:
            with _translated("abort the upload of", upload.key):
                self._client.abort_multipart_upload(
                    Bucket=self._name, Key=upload.key, UploadId=upload.upload_id
                )
        except FileNotFoundError:
            return

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
        """Yield all pages of a listing.

        boto3's own paginator takes a truncated page without a token for the last one.
        """
        query: dict[str, str] = {"Delimiter": delimiter} if delimiter else {}
        while True:
            with _translated("list", prefix):
                page = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, **query)
            yield page
            if not page.get("IsTruncated"):
                return
            token = page.get("NextContinuationToken")
            if not token or token == query.get("ContinuationToken"):
                raise BucketFailed(f"the listing of {prefix!r} is cut short")
            query["ContinuationToken"] = token


@contextmanager
def _translated(verb: str, key: str) -> Iterator[None]:
    """Raise boto3's errors as ours; a missing object as FileNotFoundError."""
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        if code in _MISSING or code == "NoSuchUpload":
            raise FileNotFoundError(key) from error
        text = f"cannot {verb} {key!r}: {code} {told.get('Message', '')}".rstrip()
        raise (BucketForbidden if code in _FORBIDDEN else BucketFailed)(text) from error
    except BotoCoreError as error:
        raise BucketFailed(f"cannot {verb} {key!r}: {error}") from error
