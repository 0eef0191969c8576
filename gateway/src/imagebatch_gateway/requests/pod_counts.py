"""Add up the counts of a batch's pods. Pure functions, without I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from imagebatch_core.indexes import EXAMPLES, FailureExample, FailureGroup
from imagebatch_core.progress import PodProgress
from imagebatch_core.results import ErrorCode, ImageStatus

_CODES: Final = {code.value: code for code in ErrorCode}


@dataclass(slots=True)
class Counts:
    """Counts of images by status, their bytes, and failures by code with the first examples."""

    images: Counter[ImageStatus] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[FailureExample]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.images.total()

    def add(self, other: Counts) -> None:
        self.images += other.images
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.codes += other.codes
        for code, examples in other.examples.items():
            known = {(one.row, one.position): one for one in self.examples.get(code, ())}
            known |= {(one.row, one.position): one for one in examples}
            self.examples[code] = [known[place] for place in sorted(known)[:EXAMPLES]]

    def groups(self) -> list[FailureGroup]:
        """Return the failures by code, the most frequent first."""
        return [
            FailureGroup(
                code=code,
                retryable=code in _CODES and _CODES[code].retryable,
                count=count,
                examples=self.examples.get(code, []),
            )
            for code, count in sorted(self.codes.items(), key=lambda one: (-one[1], one[0]))
        ]


def counts_of_pod(progress: PodProgress, most: int) -> Counts:
    """Return the counts of one pod, scaled down to at most ``most`` images."""
    totals = progress.totals
    share = min(1.0, most / totals.images) if totals.images else 0.0
    images: Counter[ImageStatus] = Counter()
    for status, count in totals.counts.items():
        images[status] = min(round(count * share), most - images.total())
    return Counts(
        +images,
        round(totals.bytes_in * share),
        round(totals.bytes_out * share),
        Counter({group.code: round(group.count * share) for group in progress.failures}),
        {group.code: list(group.examples) for group in progress.failures},
    )


def counts_of_shard(pods: Sequence[PodProgress], size: int) -> Counts:
    """Return the counts of a shard of ``size`` images.

    Two pods may work on the same shard for a moment and record the same images. So at most ``size``
    images are counted, first those of the pod that recorded most.
    """
    counts = Counts()
    for pod in sorted(pods, key=lambda pod: -pod.totals.images):
        counts.add(counts_of_pod(pod, size - counts.done))
    return counts


def total(shards: Iterable[Counts]) -> Counts:
    counts = Counts()
    for shard in shards:
        counts.add(shard)
    return counts
