"""Parse image addresses ``s3://bucket/key``, and check whether a batch may name them.

The runner's keys give access to the data of more than one tenant, so a batch may only name what the
allow-list contains. An entry is ``bucket`` or ``bucket/prefix``; ``{namespace}`` in it stands for
the batch's namespace. A prefix covers whole path segments: ``shared/shop`` does not cover
``shared/shop2/a.jpg``. It covers nothing above it either, because a key never holds ``..``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote_to_bytes

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import is_below, key_problem

S3_SCHEME: Final = "s3://"
_SETTING: Final = "IMAGEBATCH_FETCH_S3_ALLOW"
_NAMESPACE: Final = "{namespace}"
_LONGEST_URL: Final = 8192
#: The bucket names that AWS allows; they are also safe as a part of a host name.
BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")


class S3UrlRefused(ValueError):
    """The form of the URL is refused; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object in S3; ``key`` is not percent-encoded."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse ``s3://bucket/key``; the key is percent-encoded where necessary (``%2C``, ``%25``).

        Raises:
            S3UrlRefused: ``url`` has another form, or the key has empty, ``.`` or ``..`` segments.
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
    """The buckets and prefixes that a batch may name: ``(bucket, prefix)``; the prefix may be
    empty."""

    entries: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a comma-separated list of ``bucket[/prefix]``.

        Raises:
            ConfigurationRefused: an entry has another form.
        """
        found = [part.strip() for part in text.split(",") if part.strip()]
        return cls(tuple(_entry(part) for part in found))

    def without_bucket(self, bucket: str, namespace: str) -> Self:
        """Return the list itself if no entry of it names ``bucket`` for a batch of ``namespace``.

        Raises:
            ConfigurationRefused: an entry names ``bucket``, the release's own. Any CSV could then
                name another tenant's input and results.
        """
        for named, prefix in self.entries:
            if named.replace(_NAMESPACE, namespace) == bucket:
                entry = f"{named}/{prefix}" if prefix else named
                raise ConfigurationRefused(
                    f"{_SETTING} (egress.s3Allow of the chart): {entry!r} names the bucket of the "
                    f"release itself, {bucket}, which holds the data of every namespace. Take the "
                    "entry out, and keep source images in a bucket of their own"
                )
        return self

    def allows(self, named: S3Object, namespace: str) -> bool:
        """Return whether a batch of ``namespace`` may read the object."""
        for bucket, prefix in self.entries:
            inside = prefix.replace(_NAMESPACE, namespace)
            if named.bucket == bucket.replace(_NAMESPACE, namespace) and (
                not inside or is_below(named.key, inside)
            ):
                return True
        return False


def _problem(key: str) -> str | None:
    """Return why an image may not have this key; ``None`` if it may."""
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
