"""Renders the pages' templates: escaped, with numbers, sizes and times in readable English.

Each number, size and time is in an element with its exact value, which the page's script writes
anew in the reader's own language.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import words

_TEMPLATES: Final = Path(str(files("imagebatch_gateway.page"))) / "templates"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def environment() -> Environment:
    """Return the environment of the templates, with their filters."""
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "size": size, "when": when, "span": span}
    found.globals |= {"words": words, "ended": words.ENDED}
    return found


def number(value: int | float) -> Markup:
    """Return a number as text with separators between thousands."""
    return Markup('<data data-number value="{}">{:,}</data>').format(value, value)


def size(count: int) -> Markup:
    """Return a size as text, in the unit with at most three digits before the point."""
    return Markup('<data data-bytes value="{}">{}</data>').format(count, _size_text(count))


def _size_text(count: int) -> str:
    value, unit = float(count), 0
    while abs(value) >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or abs(value) >= 99.5 else 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def when(text: str | None, form: str = "relative") -> Markup:
    """Return the HTML of a time. The page's script shows ``relative`` as "5 minutes ago"."""
    if text is None:
        return Markup("")
    moment = datetime.fromisoformat(text).astimezone(UTC)
    shown = moment.strftime("%-d %b %Y, %H:%M UTC")
    return Markup('<time datetime="{}" data-when="{}">{}</time>').format(
        moment.isoformat().replace("+00:00", "Z"), form, shown
    )


def span(seconds: float) -> str:
    """Return a span of time as text, in its largest unit."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 0.95 * length:
            count = round(seconds / length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    count = max(1, round(seconds))
    return f"{count} second{'s' if count != 1 else ''}"


def percent_of(part: int, whole: int) -> float:
    """Return a share in percent with one decimal; 0 if the whole is 0."""
    return round(100 * part / whole, 1) if whole else 0.0


Context = dict[str, Any]
