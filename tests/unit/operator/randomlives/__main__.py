"""``python -m unit.operator.randomlives --seconds N``: random lives, each from a seed of its own.

The first that breaks is printed with its seed; ``--seed`` repeats one.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from itertools import count

from unit.operator.randomlives.story import Broken, Story


async def _run(first: int, seconds: float, only: bool) -> int:
    end = time.monotonic() + seconds
    for seed in [first] if only else count(first):
        try:
            await Story(seed).run()
        except Broken as error:
            print(error)
            return 1
        if time.monotonic() > end:
            print(f"{seed - first + 1} lives, from seed {first} on, and nothing broke")
            break
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=int(time.time()))
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    first = asked.first if asked.seed is None else asked.seed
    return asyncio.run(_run(first, asked.seconds, asked.seed is not None))


if __name__ == "__main__":
    sys.exit(main())
