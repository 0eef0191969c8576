"""The results of a section: a text, tables and charts, stored as JSON between runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from .folders import REPORTS


@dataclass(frozen=True, slots=True)
class Table:
    """A table. ``rows`` are cells as they are printed; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: a ``value``, and the lowest and highest round."""

    label: str
    low: float
    value: float
    high: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of horizontal bars. ``mark`` is a target line; ``unit`` is written after the
    numbers."""

    title: str
    unit: str
    bars: list[Bar]
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    text: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def save(section: Section) -> None:
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"bench-{section.name}.json"
    path.write_text(json.dumps(asdict(section), indent=1, ensure_ascii=False) + "\n")


def load(name: str) -> Section | None:
    """Return the stored results of a section; ``None`` if it has not been run here."""
    path = REPORTS / f"bench-{name}.json"
    if not path.exists():
        return None
    raw: dict[str, Any] = json.loads(path.read_text())
    raw["tables"] = [Table(**table) for table in raw["tables"]]
    raw["charts"] = [
        Chart(**chart | {"bars": [Bar(**bar) for bar in chart["bars"]]}) for chart in raw["charts"]
    ]
    return Section(**raw)
