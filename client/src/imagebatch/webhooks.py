"""Checks that a webhook comes from ImageBatch (Standard Webhooks 1.0.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

#: Seconds by which a webhook's time may differ from the receiver's.
TOLERANCE = 300


class NotAuthentic(ValueError):
    """A webhook whose signature or time is wrong."""


def verify(
    body: bytes, headers: Mapping[str, str], secrets: str, *, now: float | None = None
) -> None:
    """Return if the webhook is authentic.

    ``body`` is the bytes as they arrived. ``headers`` has ``webhook-id``, ``webhook-timestamp`` and
    ``webhook-signature`` in any case. ``secrets`` has one ``whsec_…`` a line, several while one is
    replaced. ``now`` is the time in seconds; not given, the clock's.

    Raises NotAuthentic if it is not, and ValueError for a secret that is none.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        id_, timestamp = lower["webhook-id"], lower["webhook-timestamp"]
        signatures = lower["webhook-signature"].split()
    except KeyError as error:
        raise NotAuthentic(f"the header {error.args[0]} is missing") from error
    if not timestamp.isdecimal():
        raise NotAuthentic("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE:
        raise NotAuthentic(f"webhook-timestamp differs by more than {TOLERANCE} s from the clock")
    signed = f"{id_}.{timestamp}.".encode() + body
    expected = [_signature(key, signed) for key in _keys(secrets)]
    given = [one.removeprefix("v1,").encode() for one in signatures if one.startswith("v1,")]
    if not any(hmac.compare_digest(a, b) for a in expected for b in given):
        raise NotAuthentic("no signature belongs to this body and secret")


def _signature(key: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _keys(secrets: str) -> list[bytes]:
    try:
        keys = [base64.b64decode(s.removeprefix("whsec_"), validate=True) for s in secrets.split()]
    except binascii.Error as error:
        raise ValueError("a webhook secret is not whsec_ and base64") from error
    if not keys or not all(keys):
        raise ValueError("the webhook secret is empty")
    return keys
