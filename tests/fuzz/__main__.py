"""``python -m fuzz TARGET --seconds N``: one coverage-guided fuzzer, from our seeds.

What it finds is written to ``--findings``, and the process ends with an error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path())
    asked = parser.parse_args()
    with atheris.instrument_imports(include=["imagebatch_core", "imagebatch_runner"]):
        from fuzz.targets import TARGETS
    from fuzz import seeds

    with tempfile.TemporaryDirectory() as corpus:
        seeds.write(asked.target, Path(corpus))
        options = [
            f"-max_total_time={asked.seconds}",
            "-seed=1",  # the same way each time, as far as the machine is as fast
            "-max_len=8192",
            "-timeout=30",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={asked.findings}/",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[asked.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
