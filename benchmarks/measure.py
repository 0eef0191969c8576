"""Measure the CPU time of variants interleaved, so that a busy machine slows all of them alike.

Only ratios are reported. A variant returns for each input its CPU seconds (user and system, all
threads, children included). Ratios are computed within a round and then summarised.
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
    """The cost of one input in one variant: its CPU ``seconds``, and its output."""

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
        """Return the throughput per CPU second relative to ``base``: lowest, median and highest
        round."""
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
            turn = (number + at) % len(order)  # so that no variant always runs with caches that
            # another one has warmed
            for name in order[turn:] + order[:turn]:
                total[name] += variants[name](item).seconds
        for name, spent in total.items():
            seconds[name].append(spent)
    return Measured(seconds, outputs)


def cpu_seconds() -> float:
    """Return the user and system time of this process, its threads and its ended children."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def here(function: Callable[[Input], bytes]) -> Callable[[Input], Cost]:
    """Return a variant that calls ``function`` in this process."""

    def variant(item: Input) -> Cost:
        before = cpu_seconds()
        output = function(item)
        return Cost(cpu_seconds() - before, output)

    return variant
