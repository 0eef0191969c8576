"""Numbers and states in words for people."""

from __future__ import annotations

from datetime import UTC, datetime

from imagebatch.models import Images, Request

_KILO = 1000.0


def size(count: int) -> str:
    """Return a number of bytes with its unit, such as ``4.2 MB``."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if number < _KILO:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KILO
    return f"{number:.1f} TB"


def span(seconds: float) -> str:
    """Return a time span, such as ``1 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def age(since: datetime) -> str:
    """Return how long ago a time was."""
    return span((datetime.now(UTC) - since).total_seconds())


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 image``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def progress(images: Images) -> str:
    """Return how many images are done, and how many of them failed."""
    failed = f", {images.failed:,} failed" if images.failed else ""
    return f"{images.done:,} of {counted(images.total, 'image')}{failed}"


def short_progress(images: Images) -> str:
    """Return how many images are done, in as few characters as possible."""
    return f"{images.done}/{images.total}"


def facts(request: Request) -> list[tuple[str, str]]:
    """Return what is worth knowing about a request, as pairs of label and text."""
    pairs = [("status", str(request.status)), ("images", progress(request.images))]
    if request.reason:
        pairs.append(("reason", f"{request.reason}: {request.message or ''}".rstrip(": ")))
    if request.queue_position is not None:
        pairs.append(("queue", f"number {request.queue_position}"))
    if request.bytes is not None and request.bytes.in_:
        saved = f", {request.saved} saved" if request.saved else ""
        pairs.append(("size", f"{size(request.bytes.in_)} → {size(request.bytes.out)}{saved}"))
    if request.estimate is not None:
        guess = request.estimate
        sizes = f"{size(guess.bytes_in)} → {size(guess.bytes_out)}"
        taken = f"{counted(guess.images, 'image')}, {sizes}, {span(guess.seconds)}"
        pairs.append(("estimate", taken))
    if request.row_problem_count:
        pairs.append(("rows", counted(request.row_problem_count, "problem")))
    pairs += [("notice", notice) for notice in request.notices]
    if request.duration:
        pairs.append(("duration", request.duration))
    if request.file_name or request.name:
        pairs.append(("made from", " ".join(filter(None, (request.name, request.file_name)))))
    if request.note:
        pairs.append(("note", request.note))
    return pairs
