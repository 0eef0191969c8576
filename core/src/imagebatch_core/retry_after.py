"""The header ``Retry-After`` as hosts and webhook receivers send it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Longest wait in seconds that a header can ask for; a longer wish counts as this one.
LONGEST: Final = 86_400.0


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait: a number of them or an HTTP date (RFC 9110, 10.2.3), at most a day.

    A date that has passed is 0. ``None`` when there is no header or it is neither: a negative
    number, ``inf`` or a word is no wish that could be followed. Fractions of a second are read
    though the RFC has none. ``now`` must be aware.
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
