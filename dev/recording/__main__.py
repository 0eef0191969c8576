"""``python -m recording FILE.svg``: record the command on the demo's gateway, for the README.

Needs what `make up` or `make demo` has started, at ``IMAGEBATCH_URL`` or http://127.0.0.1:8080.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from stack.sample import sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL

from .session import Session
from .svg import draw

COLUMNS, ROWS = 104, 20
TITLE = (
    "A terminal: imagebatch submits a CSV and shows its progress, says why two images failed, "
    "tries them again, and downloads the spreadsheet and the images"
)
_ID = re.compile(r"^request +([0-9a-f-]{36})", re.MULTILINE)


def record(folder: Path, environment: dict[str, str]) -> str:
    """Run the commands; return the SVG."""
    (folder / "products.csv").write_text(sample_csv(SAMPLEHOST_URL), encoding="utf-8")
    with Session(folder, environment, columns=COLUMNS, rows=ROWS) as session:
        first = session.run("imagebatch submit products.csv --quality 60 --wait")
        request_id = _ID.findall(first)[-1]
        session.run("clear")
        session.run(f"imagebatch failures {request_id}")
        session.run("clear")
        session.run(f"imagebatch retry {request_id} --wait")
        session.run("clear")
        session.run(f"imagebatch download {request_id} --out compressed.csv --images compressed")
        session.run("ls compressed")
        return draw(session.frames(), COLUMNS, ROWS, TITLE)


def main() -> int:
    """Record, and write the file."""
    (target,) = sys.argv[1:]
    names = ("PATH", "IMAGEBATCH_URL")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        environment["HOME"] = folder
        svg = record(Path(folder), environment)
    Path(target).write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
