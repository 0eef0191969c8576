"""Judge requests to S3 by an IAM policy, as AWS and MinIO do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_CONDITIONS = {"StringLike": fnmatchcase}


@dataclass(frozen=True, slots=True)
class Access:
    """One right that a request needs. ``prefix`` is that of a listing."""

    action: str
    resource: str
    prefix: str | None = None


def allows(policy: dict[str, Any], access: Access) -> bool:
    """Return whether a statement allows the access. A part of a policy that is not understood here
    is an error."""
    assert policy["Version"] == "2012-10-17"
    return any(_covers(statement, access) for statement in policy["Statement"])


def _covers(statement: dict[str, Any], access: Access) -> bool:
    assert set(statement) <= {"Effect", "Action", "Resource", "Condition"}
    assert statement["Effect"] == "Allow"
    if access.action not in _listed(statement["Action"]):
        return False
    if not any(fnmatchcase(access.resource, each) for each in _listed(statement["Resource"])):
        return False
    for operator, values in statement.get("Condition", {}).items():
        ((key, pattern),) = values.items()
        assert key == "s3:prefix"
        if access.prefix is None or not _CONDITIONS[operator](access.prefix, pattern):
            return False
    return True


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def needed(method: str, target: str, copy_source: str = "", body: str = "") -> Iterator[Access]:
    """Yield the rights that a request needs; ``target`` is its path, with bucket, and query.

    ``body`` is that of a deletion of several objects. Raises ValueError for a request that is not
    known here.
    """
    parts = urlsplit(target)
    bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    whole, resource = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{key}"
    match method:
        case "GET" if not key and "uploads" in query:
            yield Access("s3:ListBucketMultipartUploads", whole)
        case "GET" if not key:
            yield Access("s3:ListBucket", whole, query.get("prefix", [""])[0])
        case "GET" | "HEAD" if key:
            yield Access("s3:GetObject", resource)
        case "PUT" if key:
            if copy_source:
                source = unquote(copy_source).removeprefix("/")
                yield Access("s3:GetObject", f"arn:aws:s3:::{source}")
            yield Access("s3:PutObject", resource)
        case "POST" if key and ("uploads" in query or "uploadId" in query):
            yield Access("s3:PutObject", resource)
        case "POST" if not key and "delete" in query:
            for each in re.findall(r"<Key>(.*?)</Key>", body):
                yield Access("s3:DeleteObject", f"{whole}/{unescape(each)}")
        case "DELETE" if key and "uploadId" in query:
            yield Access("s3:AbortMultipartUpload", resource)
        case "DELETE" if key:
            yield Access("s3:DeleteObject", resource)
        case _:
            raise ValueError(f"{method} {target}")
