"""HTTP validators, by which a later batch asks a host whether an image changed (RFC 9110, 8.8).

A strong ETag always counts. ``Last-Modified`` has a resolution of a second, so it counts only if
the ``Date`` of the response is at least a minute later: then the image cannot have changed
unnoticed within the same second, and clocks that differ a little do no harm. A weak ETag is often
made of only size and time, so it counts only together with such a ``Last-Modified``. Validators
that do not count are not recorded; without any validator the next batch compares the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final

import yarl

from imagebatch_core.results import StoredOutput

#: An entity-tag of RFC 9110; other texts are ignored.
_ETAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e]+"')
_LONGEST: Final = 200
_SETTLED: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Validators:
    """The values of ETag and Last-Modified in one response, for conditional requests.

    ``final_url_sha256`` is the SHA-256 of the response's URL, if redirects led to it. Both values
    are valid for that URL only. If an image's URL redirects to another URL than before, the request
    is sent without conditional headers, because the other URL might have an equal ETag for another
    image.
    """

    etag: str | None = None
    last_modified: str | None = None
    final_url_sha256: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], redirected_to: yarl.URL | None = None) -> Validators:
        """Return the validators in a response's headers that count.

        ``redirected_to`` is the response's URL if redirects led to it.
        """
        address = None if redirected_to is None else _sha256(redirected_to)
        modified = headers.get("Last-Modified")
        if not _settled(modified, headers.get("Date")):
            modified = None
        tag = headers.get("ETag", "")
        if len(tag) > _LONGEST or not (found := _ETAG.fullmatch(tag)):
            return cls(None, modified, address)
        counts = found[1] is None or modified is not None
        return cls(tag if counts else None, modified, address)

    @classmethod
    def recorded(cls, earlier: StoredOutput) -> Validators:
        return cls(earlier.etag, earlier.last_modified, earlier.final_url_sha256)

    def conditions(self, url: yarl.URL, *, redirected: bool) -> dict[str, str]:
        """Return conditional headers for a request to ``url``; empty if the validators belong to
        another URL. ``redirected`` says whether redirects led to ``url``."""
        if (_sha256(url) if redirected else None) != self.final_url_sha256:
            return {}
        return {
            name: value
            for name, value in (
                ("If-None-Match", self.etag),
                ("If-Modified-Since", self.last_modified),
            )
            if value is not None
        }


NO_VALIDATORS: Final = Validators()


def _sha256(url: yarl.URL) -> str:
    return sha256(str(url.with_fragment(None)).encode()).hexdigest()


def _settled(modified: str | None, date: str | None) -> bool:
    last, now = _moment(modified), _moment(date)
    # A difference cannot overflow. The sum did, for the year 9999 that means "never expires".
    return last is not None and now is not None and now - last >= _SETTLED


def _moment(text: str | None) -> datetime | None:
    # Bytes that are not UTF-8 arrive as lone surrogates, which a part cannot record.
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
