"""Create a bucket with one signed request (AWS Signature Version 4)."""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import urlsplit

_REGION = "us-east-1"
_EMPTY = hashlib.sha256(b"").hexdigest()


def put_bucket(endpoint: str, bucket: str, access_key: str, secret_key: str) -> None:
    """Create the bucket, unless it exists.

    Raises:
        OSError: the endpoint does not respond, or refuses.
    """
    now = datetime.now(UTC)
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "host": urlsplit(endpoint).netloc,
        "x-amz-content-sha256": _EMPTY,
        "x-amz-date": moment,
    }
    signed = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            *("PUT", f"/{bucket}", ""),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            *("", signed, _EMPTY),
        ]
    )
    scope = f"{day}/{_REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest])
    key = f"AWS4{secret_key}".encode()
    for part in (day, _REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT", headers=headers)
    request.add_header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, "
        f"Signature={signature}",
    )
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 409:
                raise
