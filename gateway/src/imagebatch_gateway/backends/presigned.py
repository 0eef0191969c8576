"""Presigned URLs of objects: AWS Signature Version 4 in the query, for redirects to the store.

obstore signs URLs too, but cannot sign what the store shall say about the object: its media type
and the name under which it is saved.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
#: Headers of a response, by the query parameter that asks the store to send it.
_OVERRIDES: Final = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-type": "Content-Type",
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair of the store, with the token of a temporary one."""

    access_key_id: str
    secret_access_key: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where callers reach a bucket. ``endpoint`` is ``None`` for AWS itself."""

    name: str
    region: str
    endpoint: str | None = None

    def base(self) -> str:
        """Return the URL below which the bucket's keys are, without a slash at the end."""
        if self.endpoint is None:
            return f"https://{self.name}.s3.{self.region}.amazonaws.com"
        return f"{self.endpoint.rstrip('/')}/{self.name}"


def presigned_url(
    bucket: Bucket,
    key: str,
    pair: KeyPair,
    *,
    method: str,
    seconds: int,
    now: datetime,
    headers: Mapping[str, str],
) -> str:
    """Return a URL with which ``method`` (GET or HEAD) reaches an object for some ``seconds``.

    The store sends those of ``headers`` that say the object's type, name and caching.
    """
    base = urlsplit(bucket.base())
    host = _host_header(base)
    path = quote(f"{base.path}/{key}", safe="/-_.~")
    time = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{bucket.region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{pair.access_key_id}/{scope}",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if pair.token:
        query["X-Amz-Security-Token"] = pair.token
    query |= {name: headers[sent] for name, sent in _OVERRIDES.items() if sent in headers}
    parameters = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(query.items())
    )
    request = "\n".join((method, path, parameters, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"))
    signed = "\n".join((_ALGORITHM, time, scope, hashlib.sha256(request.encode()).hexdigest()))
    key_of_day = f"AWS4{pair.secret_access_key}".encode()
    for part in scope.split("/"):
        key_of_day = hmac.digest(key_of_day, part.encode(), "sha256")
    signature = hmac.digest(key_of_day, signed.encode(), "sha256").hex()
    return f"{base.scheme}://{host}{path}?{parameters}&X-Amz-Signature={signature}"


def _host_header(url: SplitResult) -> str:
    """Return the Host header that clients send for this URL: in lower case, without the port that
    the scheme implies (RFC 9110, section 4.2.3)."""
    host = url.netloc.lower()
    return host.removesuffix(":443" if url.scheme == "https" else ":80")
