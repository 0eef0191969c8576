"""``s3://bucket/key`` as an image's address: its form, and which ones a batch may name.

The runner's keys open more than one tenant's data, so nothing may be named unless the allow-list
says so. An entry is ``bucket`` or ``bucket/prefix``; ``{namespace}`` in it stands for the batch's
own. A prefix ends where a segment ends: ``shared/shop`` covers neither ``shared/shop2/a.jpg`` nor,
for a key never holds ``..``, anything above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote_to_bytes

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import key_problem

S3_SCHEME: Final = "s3://"
_SETTING: Final = "IMAGEBATCH_FETCH_S3_ALLOW"
_NAMESPACE: Final = "{namespace}"
_LONGEST_URL: Final = 8192
#: Names of buckets as AWS has them, which are also safe as a part of a host name.
BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")


class S3UrlRefused(ValueError):
    """The URL's form is refused; the text says how it must be."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """``key`` as the store knows it: not encoded."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """From ``s3://bucket/key``, the key percent-encoded where it must be (``%2C``, ``%25``).

        Raises:
            S3UrlRefused: no such URL, or the key has empty, ``.`` or ``..`` segments.
        """
        if not is_s3(url) or len(url) > _LONGEST_URL:
            raise S3UrlRefused("not of the form s3://bucket/key")
        bucket, _, encoded = url[len(S3_SCHEME) :].partition("/")
        if not BUCKET.fullmatch(bucket) or ".." in bucket:
            raise S3UrlRefused("the bucket's name is none; the form is s3://bucket/key")
        if re.search(r"[?#]", encoded):
            raise S3UrlRefused("an s3:// URL has no query; in a key, ? is %3F and # is %23")
        if re.search(r"%(?![0-9A-Fa-f]{2})", encoded):
            raise S3UrlRefused("a % that belongs to the key is written %25")
        try:
            key = unquote_to_bytes(encoded).decode()
        except UnicodeDecodeError as error:
            raise S3UrlRefused("the key is not UTF-8") from error
        problem = _problem(key)
        if problem is not None:
            raise S3UrlRefused(f"the key is refused: {problem}")
        return cls(bucket, key)


def is_s3(url: str) -> bool:
    return url[: len(S3_SCHEME)].lower() == S3_SCHEME


@dataclass(frozen=True, slots=True)
class S3AllowList:
    """Buckets and prefixes that may be named; ``(bucket, prefix)``, the prefix perhaps empty."""

    entries: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From comma-separated ``bucket[/prefix]``.

        Raises:
            ConfigurationRefused: an entry is none.
        """
        found = [part.strip() for part in text.split(",") if part.strip()]
        return cls(tuple(_entry(part) for part in found))

    def allows(self, named: S3Object, namespace: str) -> bool:
        """Whether a batch of ``namespace`` may read the object."""
        for bucket, prefix in self.entries:
            inside = prefix.replace(_NAMESPACE, namespace)
            if named.bucket == bucket.replace(_NAMESPACE, namespace) and (
                not inside or named.key == inside or named.key.startswith(f"{inside}/")
            ):
                return True
        return False


def _problem(key: str) -> str | None:
    """Why no image's key may be so."""
    return "it holds a backslash" if "\\" in key else key_problem(key)


def _entry(text: str) -> tuple[str, str]:
    bucket, _, prefix = text.removeprefix(S3_SCHEME).removesuffix("/").partition("/")
    plain = prefix.replace(_NAMESPACE, "x")
    if (
        not BUCKET.fullmatch(bucket.replace(_NAMESPACE, "xxx"))
        or re.search(r"[{}*?]", plain)
        or (plain and _problem(plain))
    ):
        raise ConfigurationRefused(
            f"{_SETTING}: {text!r} is not bucket or bucket/prefix, with {_NAMESPACE} perhaps"
        )
    return bucket, prefix
