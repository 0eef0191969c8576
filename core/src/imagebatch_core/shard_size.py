"""The number of images in each shard: what a spec asks for, or what plan chooses.

The operator computes it as plan does, to start the pods of the shards while plan runs.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from .ceilings import Ceilings

#: A batch of at most this many images is one shard, which the plan pod also compresses: starting a
#: second pod takes longer than compressing so few images.
WHOLE: Final = 500
#: The fewest images for which starting a pod is worth its time.
_FEWEST: Final = 250
#: The most images of a shard. Larger shards would make progress in the status coarser, and fewer of
#: them would be in a group, over which hosts are spread.
_MOST: Final = 5000
#: The most shards of a batch whose pods help each other at its end. A pod that looks for the
#: slowest shard reads the progress documents of all; and a batch of many waves ends evenly.
MOST_HELPED: Final = 64
#: Where pods do not help each other: the images of a pod above which there are further waves, and
#: the most waves, unless shards would be larger than :data:`_MOST`. Several waves end more evenly.
_ONE_WAVE: Final = 2000
_WAVES: Final = 4


def pods_help(shards: int, max_failed_percent: int) -> bool:
    """Return whether the pods of a batch of so many shards help each other at its end.

    With ``maxFailedPercent`` they do not: those pods stop each other once too many images failed.
    """
    return 1 < shards <= MOST_HELPED and max_failed_percent >= 100


def shard_size(
    images: int, asked: int | None, parallelism: int, max_failed_percent: int, ceilings: Ceilings
) -> int:
    """Return the number of images in each shard of a batch of ``images`` images.

    ``asked`` is ``spec.imagesPerShard``. Without it, the size is chosen within the ceilings.
    """
    return asked or ceilings.images_per_shard.nearest(
        _chosen(images, parallelism, max_failed_percent)
    )


def _chosen(images: int, parallelism: int, max_failed_percent: int) -> int:
    """Return the number of images in each shard for a batch that leaves the choice to plan.

    It makes as few shards as keep ``parallelism`` pods busy: equal shards, in as few waves as
    shards of at most 5,000 images allow. Each change of pods costs time in which pods start. More
    waves end more evenly only where several pods run at once and do not help each other.
    """
    if images <= WHOLE:
        return WHOLE
    waves = ceil(images / (_MOST * parallelism))
    if parallelism > 1 and not pods_help(parallelism, max_failed_percent):
        waves = max(waves, min(_WAVES, ceil(images / (_ONE_WAVE * parallelism))))
    shards = min(waves * parallelism, images // _FEWEST)
    return ceil(images / shards)
