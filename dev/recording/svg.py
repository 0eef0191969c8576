"""Draws frames as one SVG that needs no script: its frames stand side by side, and CSS moves them.

Equal lines are drawn once. With reduced motion the last frame stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .frames import Frame, Line, Run

_CELL, _LINE, _MARGIN, _BAR = 8.4, 19.0, 16.0, 30.0
_BACKGROUND, _TEXT = "#161b22", "#d6dde6"
#: Colours of a terminal's sixteen that our command uses; others are six hexadecimal digits.
_COLOURS = {
    "default": _TEXT,
    "black": "#484f58",
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#f2cc60",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#f0f6fc",
}


def draw(frames: Sequence[Frame], columns: int, rows: int, title: str) -> str:
    """Return the SVG of frames of a terminal of ``columns`` and ``rows``."""
    width = columns * _CELL + 2 * _MARGIN
    height = rows * _LINE + 2 * _MARGIN + _BAR
    seconds = sum(frame.seconds for frame in frames)
    names: dict[Line, str] = {}
    shown = [_frame(frame, number, width, names) for number, frame in enumerate(frames)]
    moves = _moves(frames, seconds, width)
    last = -(len(frames) - 1) * width
    symbols = "".join(f'<g id="{name}">{_line(line)}</g>' for line, name in names.items())
    dots = "".join(
        f'<circle cx="{20 + 18 * n}" cy="16" r="5.5" fill="{colour}"/>'
        for n, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" \
width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}">
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
white-space: pre; fill: {_TEXT}; }}
.b {{ font-weight: 700; }}
#film {{ animation: film {seconds:.2f}s steps(1, end) infinite; }}
@keyframes film {{ {moves} }}
@media (prefers-reduced-motion: reduce) {{
  #film {{ animation: none; transform: translateX({last:.0f}px); }}
}}
</style>
<defs>{symbols}<clipPath id="window"><rect width="{width:.0f}" height="{height:.0f}" rx="10"/>\
</clipPath></defs>
<g clip-path="url(#window)"><rect width="100%" height="100%" fill="{_BACKGROUND}"/>{dots}
<g id="film">{"".join(shown)}</g></g>
</svg>
"""


def _moves(frames: Sequence[Frame], seconds: float, width: float) -> str:
    at, moves = 0.0, []
    for number, frame in enumerate(frames):
        share = 100 * at / seconds
        moves.append(f"{share:.3f}% {{ transform: translateX({-number * width:.0f}px) }}")
        at += frame.seconds
    return " ".join(moves)


def _frame(frame: Frame, number: int, width: float, names: dict[Line, str]) -> str:
    used = [
        f'<use href="#{names.setdefault(line, f"l{len(names)}")}" '
        f'x="{number * width + _MARGIN:.0f}" y="{_MARGIN + _BAR + row * _LINE:.0f}"/>'
        for row, line in enumerate(frame.lines)
        if line
    ]
    return "".join(used)


def _line(line: Line) -> str:
    return "".join(_run(run) for run in line if run.text.strip())


def _run(run: Run) -> str:
    fill = _COLOURS.get(run.colour, f"#{run.colour}")
    colour = f' style="fill: {fill}"' if fill != _TEXT else ""
    bold = ' class="b"' if run.bold else ""
    length = len(run.text) * _CELL
    # The length keeps columns aligned in whatever font the reader has.
    return (
        f'<text x="{run.column * _CELL:.1f}" y="14" textLength="{length:.1f}" '
        f'lengthAdjust="spacingAndGlyphs" xml:space="preserve"{bold}{colour}>'
        f"{escape(run.text)}</text>"
    )
