"""``python -m benchmarks [SECTION…]``: run the sections, or all, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib

from . import render
from .section import save

#: The sections in the order of the page; each is a module here with ``run(rounds) -> Section``.
SECTIONS = ("codec", "pipeline", "scale", "reuse", "reading", "gateway", "cluster")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of everything")
    arguments = parser.parse_args()
    for name in arguments.sections or SECTIONS:
        if name not in SECTIONS:
            parser.error(f"no section {name}; there are {', '.join(SECTIONS)}")
        print(f"==> {name}", flush=True)
        save(importlib.import_module(f"benchmarks.{name}").run(arguments.rounds))
    render.write(SECTIONS)
    print(f"wrote {render.PAGE}")


if __name__ == "__main__":
    main()
