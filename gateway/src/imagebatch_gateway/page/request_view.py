"""Prepare a request for its page: shares, pace, actions and commands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from .offers import Offers
from .rendering import percent_of, span
from .words import ENDED, IMAGE_STATES

#: Side of the picture of saved bytes, in units of its own.
SQUARE: Final = 100


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar of progress; ``start`` and ``width`` in percent."""

    state: str
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Savings:
    """``side`` is that of the square that stands for the outputs, of :data:`SQUARE`: the areas of
    both squares are to each other as the bytes are.
    """

    before: int
    after: int
    percent: float
    side: float

    @property
    def saved(self) -> int:
        return self.before - self.after


def title_of(request: Mapping[str, Any]) -> str:
    """Return the title of a request: its display name, else its file name, else its requestId."""
    return str(request.get("name") or request.get("fileName") or request["requestId"])


def segments(request: Mapping[str, Any]) -> list[Segment]:
    """Return the parts of the progress bar, one for each status of images."""
    images = request.get("images") or {}
    done = images.get("done") or 0
    total = max(images.get("total") or 0, done)
    counted = [(s.value, label, images.get(s.value) or 0) for s, label in IMAGE_STATES.items()]
    rest = done - sum(count for _, _, count in counted)
    if rest > 0:
        counted.append(("done", "Done", rest))
    found: list[Segment] = []
    start = 0.0
    for state, label, count in counted:
        if count:
            width = percent_of(count, total)
            found.append(Segment(state, label, count, round(start, 1), width))
            start += width
    return found


def savings(request: Mapping[str, Any]) -> Savings | None:
    """Return how many bytes were saved; None if no bytes are known yet."""
    sizes = request.get("bytes") or {}
    before, after = sizes.get("in") or 0, sizes.get("out") or 0
    if not before:
        return None
    side = round(SQUARE * math.sqrt(min(after / before, 1)), 2)
    return Savings(before, after, percent_of(before - after, before), side)


def pace(request: Mapping[str, Any], now: datetime | None = None) -> str | None:
    """Return the average pace since the start, and the remaining time at this pace; None if
    unknown."""
    images = request.get("images") or {}
    done, total = images.get("done") or 0, images.get("total") or 0
    started = request.get("startedAt")
    if request["status"] != "processing" or not done or not started or done >= total:
        return None
    elapsed = ((now or datetime.now(UTC)) - datetime.fromisoformat(started)).total_seconds()
    if elapsed < 1:
        return None
    rate = done / elapsed
    shown = f"{rate:,.0f} a second" if rate >= 2 else f"{rate * 60:,.0f} a minute"
    return f"{shown}, about {span((total - done) / rate)} left"


def changes(request: Mapping[str, Any], offers: Offers) -> set[str]:
    """Fields of a running request that this gateway lets callers change."""
    if request["status"] in ENDED or request.get("expired"):
        return set()
    return {name for name in offers.change if name in request or name in ("cancel", "suspendAfter")}


def awaits_confirmation(request: Mapping[str, Any]) -> bool:
    """Return whether the request is planned and waits for confirmation."""
    return request.get("reason") == "AwaitingConfirmation"


def lives(request: Mapping[str, Any]) -> bool:
    """Return whether a request may still change by itself: it runs, or its webhook is not
    delivered."""
    if request.get("expired"):
        return False
    hook = request.get("webhook") or {}
    ended = request["status"] in ENDED
    tried = hook and not hook.get("deliveredAt") and not hook.get("abandoned")
    return not ended or bool(tried and hook.get("nextAttemptAt"))


def commands(
    request: Mapping[str, Any], namespace: str, gateway: str, offers: Offers
) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the commands that do the same in a terminal: headings, and lines to copy."""
    name = request["requestId"]
    kubectl = f"kubectl -n {namespace}"
    lines = [
        f"{kubectl} get imagebatch {name} -o wide",
        f"{kubectl} describe imagebatch {name}",
    ]
    api = f"{gateway}/api/requests/{name}"
    calls = [f"curl {api}"]
    if request["status"] in ENDED:
        calls.append(f"curl -OJ {gateway}/api/download/{name}")
        calls.append(f"curl -OJ '{gateway}/api/download/{name}?format=failed'")
    else:
        patch = f"{kubectl} patch imagebatch {name} --type merge -p"
        lines.append(f"""{patch} '{{"spec":{{"suspend":true}}}}'""")
        lines.append(f"""{patch} '{{"spec":{{"cancel":true}}}}'""")
        calls.append(f"curl -N {api}/events")
        calls.append(f"""curl -X PATCH --json '{{"suspend":true}}' {api}""")
    calls.append(f"curl {api}/failures")
    if offers.has("POST", "/api/requests/{id}/retry") and request["status"] in ENDED:
        calls.append(f"""curl --json '{{"only":"failed"}}' {api}/retry""")
    return [("kubectl", lines), ("curl", calls)]


def local_path(address: str, gateway: str) -> str:
    """Return a URL of this gateway as a path below the page's root, so that it is found under
    whatever name the browser came in; any other address as it is.
    """
    base = urlsplit(gateway)
    parts = urlsplit(address)
    prefix = base.path.rstrip("/") + "/"
    if parts.netloc != base.netloc or not parts.path.startswith(prefix):
        return address
    query = f"?{parts.query}" if parts.query else ""
    return parts.path.removeprefix(prefix) + query
