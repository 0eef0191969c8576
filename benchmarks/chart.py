"""Draw bar charts as SVG, readable on light and dark backgrounds."""

from __future__ import annotations

from html import escape

from .section import Chart

_WIDTH, _LEFT, _ROW, _TOP = 760, 250, 26, 44
_OURS, _THEIRS, _INK = "#2f6fde", "#9aa3b2", "#5c6370"


def svg(chart: Chart) -> str:
    """Return the chart as SVG text. The whiskers show the lowest and highest round."""
    most = max([bar.high for bar in chart.bars] + [chart.mark or 0]) * 1.02
    scale = (_WIDTH - _LEFT - 90) / most
    height = _TOP + _ROW * len(chart.bars) + 14
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'font-family="sans-serif" font-size="13" fill="{_INK}" role="img">'
        ),
        f"<title>{escape(chart.title)}</title>",
        f'<text x="8" y="22" font-size="15" font-weight="bold">{escape(chart.title)}</text>',
    ]
    for number, bar in enumerate(chart.bars):
        y = _TOP + number * _ROW
        middle = y + 9
        end = _LEFT + bar.value * scale
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>',
            (
                f'<rect x="{_LEFT}" y="{y}" width="{bar.value * scale:.1f}" height="18" rx="2" '
                f'fill="{_OURS if bar.ours else _THEIRS}"/>'
            ),
            (
                f'<path d="M{_LEFT + bar.low * scale:.1f} {middle}H{_LEFT + bar.high * scale:.1f}" '
                f'stroke="{_INK}"/>'
            ),
            (
                f'<text x="{max(end, _LEFT + bar.high * scale) + 6:.1f}" y="{y + 14}">'
                f"{bar.value:.2f}{escape(chart.unit)}</text>"
            ),
        ]
    if chart.mark is not None:
        x = _LEFT + chart.mark * scale
        parts.append(
            f'<path d="M{x:.1f} {_TOP - 8}V{height - 10}" stroke="{_INK}" stroke-dasharray="4 3"/>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
