"""Signatures of Standard Webhooks 1.0.0, and the secrets that make them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from imagebatch_core.errors import ConfigurationRefused

#: Bytes of a signing secret, as the specification's section on symmetric keys has it.
_KEY_BYTES: Final = range(24, 65)


def parse_secrets(text: str) -> list[bytes]:
    """Return the keys in a text with one ``whsec_…`` per line. Several serve to rotate a secret.

    Raises:
        ConfigurationRefused: there is none, one is not base64, or one is shorter or longer than
            the specification allows.
    """
    keys: list[bytes] = []
    for line in text.split():
        try:
            key = base64.b64decode(line.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise ConfigurationRefused("a webhook secret is not whsec_ and base64") from error
        if len(key) not in _KEY_BYTES:
            raise ConfigurationRefused(
                f"a webhook secret holds {len(key)} bytes: 24 to 64 random ones are required"
            )
        keys.append(key)
    if not keys:
        raise ConfigurationRefused("the webhook secret is empty")
    return keys


def signature(secrets: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> str:
    """Return the header's value: ``v1,<base64 of HMAC-SHA256 of id.timestamp.body>`` per secret."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
