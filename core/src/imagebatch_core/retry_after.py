"""Parse the header ``Retry-After`` of hosts and webhook receivers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: The longest wait in seconds; a header that asks for more counts as this.
LONGEST: Final = 86_400.0


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds to wait, from a number or an HTTP date (RFC 9110, 10.2.3); at most a day.

    A date in the past gives 0. ``None`` if there is no header or it is neither, as a negative
    number, ``inf`` or a word. Fractions of a second are accepted, though the RFC has none. ``now``
    must be timezone-aware.
    """
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", text):
        return min(float(text), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": UTC, from an unknown zone
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, seconds), LONGEST)
