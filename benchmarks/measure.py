"""CPU time of variants side by side: interleaved, so that a busy machine slows all of them alike.

Only ratios are reported. A variant answers for each input how many CPU seconds (user and system,
all threads, children included) it took; ratios are formed within a round and then summarised.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Input = TypeVar("Input")


@dataclass(frozen=True, slots=True)
class Cost:
    """One input through one variant: CPU ``seconds`` and what came out."""

    seconds: float
    output: bytes


@dataclass(frozen=True, slots=True)
class Spread:
    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Measured:
    """``seconds[variant][round]`` over all inputs, ``outputs[variant][input]`` of round 0."""

    seconds: Mapping[str, Sequence[float]]
    outputs: Mapping[str, Sequence[bytes]]

    def speed(self, variant: str, base: str) -> Spread:
        """Throughput per CPU second with ``base`` as 1; least, median and most of the rounds."""
        pairs = zip(self.seconds[base], self.seconds[variant], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        return Spread(min(ratios), statistics.median(ratios), max(ratios))

    def bytes_ratio(self, variant: str, base: str) -> float:
        return sum(map(len, self.outputs[variant])) / sum(map(len, self.outputs[base]))


def interleaved(
    variants: Mapping[str, Callable[[Input], Cost]], inputs: Sequence[Input], rounds: int
) -> Measured:
    """Every input through every variant, then the next input; one unmeasured round before."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    outputs: dict[str, list[bytes]] = {name: [] for name in variants}
    for name, variant in variants.items():
        outputs[name] = [variant(item).output for item in inputs]
    for number in range(rounds):
        total = dict.fromkeys(variants, 0.0)
        order = list(variants)
        for at, item in enumerate(inputs):
            turn = (number + at) % len(order)  # nobody always runs on another's warm cache
            for name in order[turn:] + order[:turn]:
                total[name] += variants[name](item).seconds
        for name, spent in total.items():
            seconds[name].append(spent)
    return Measured(seconds, outputs)


def cpu_seconds() -> float:
    """User and system time of this process, its threads and its ended children."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def here(function: Callable[[Input], bytes]) -> Callable[[Input], Cost]:
    """A variant that runs in this process."""

    def variant(item: Input) -> Cost:
        before = cpu_seconds()
        output = function(item)
        return Cost(cpu_seconds() - before, output)

    return variant
