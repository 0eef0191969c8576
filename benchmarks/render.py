"""Write docs/benchmarks.md and its charts from the results of the sections."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import Final

from .chart import svg
from .folders import ROOT
from .section import Section, Table, load

PAGE: Final = ROOT / "docs" / "benchmarks.md"
_CHARTS: Final = ROOT / "docs" / "benchmarks"
_HEAD: Final = """# Benchmarks

Written by `make bench`; `make bench SECTION=codec` runs one section. Unless its section
says otherwise, a number is a ratio of CPU time (user and system, all threads and children) or of
bytes. The variants run interleaved, image by
image, in one run; the median of the rounds is given, the least and the most beside it. The
photographs, of 1 to 12 megapixels, are made from those of scikit-image (`benchmarks/photos.py`).
"""


def write(names: Iterable[str]) -> None:
    """Write the page of all sections. A section without results here keeps its present text."""
    _CHARTS.mkdir(parents=True, exist_ok=True)
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    pages = [_HEAD + f"\nThis run: {machine}.\n"]
    before = PAGE.read_text() if PAGE.exists() else ""
    for name in names:
        section = load(name)
        page = _standing(before, name) if section is None else _page(section)
        if page is not None:
            pages.append(page)
    PAGE.write_text("\n".join(pages))


def _standing(page: str, name: str) -> str | None:
    """Return a section's present text on the page, found by its mark or charts; ``None`` if
    none."""
    parts = page.split("\n## ")[1:]
    return next(
        (f"## {p.strip()}\n" for p in parts if _mark(name) in p or f"](benchmarks/{name}-" in p),
        None,
    )


def _mark(name: str) -> str:
    return f"<!-- section {name} -->"


def _page(section: Section) -> str:
    for chart_file in _CHARTS.glob(f"{section.name}-*.svg"):
        chart_file.unlink()
    parts = [f"## {section.title}\n", _mark(section.name) + "\n", section.text.strip() + "\n"]
    for number, chart in enumerate(section.charts, 1):
        name = f"{section.name}-{number}.svg"
        (_CHARTS / name).write_text(svg(chart))
        parts.append(f"![{chart.title}](benchmarks/{name})\n")
    parts += [_table(table) for table in section.tables]
    return "\n".join(parts)


def _table(table: Table) -> str:
    head = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "---|" * len(table.columns)
    rows = ["| " + " | ".join(row) + " |" for row in table.rows]
    return "\n".join([f"### {table.title}\n", head, rule, *rows]) + "\n"
