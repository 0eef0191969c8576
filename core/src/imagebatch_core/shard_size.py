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
#: The most images of a shard. A larger shard would make progress in the status coarser, and collect
#: would need more memory, because it holds the results of one shard.
_MOST: Final = 5000
#: The most shards, and progress documents, of a batch whose pods help each other at its end. To
#: look for the slowest shard reads all these documents, and batches of many waves end evenly.
MOST_HELPED: Final = 64
#: Where pods do not help each other: the images of a pod above which there are further waves, and
#: the most waves, unless shards would be larger than :data:`_MOST`. Several waves end more evenly.
_ONE_WAVE: Final = 2000
_WAVES: Final = 4


def shard_size(
    images: int, asked: int | None, parallelism: int, ceilings: Ceilings, *, helped: bool = True
) -> int:
    """Return the number of images in each shard of a batch of ``images`` images.

    ``asked`` is ``spec.imagesPerShard``. Without it, the size is chosen within the ceilings.
    ``helped`` says whether pods help each other at the end, which they do not with
    ``maxFailedPercent``.
    """
    return asked or ceilings.images_per_shard.nearest(_chosen(images, parallelism, helped=helped))


def _chosen(images: int, parallelism: int, *, helped: bool) -> int:
    """Return the number of images in each shard for a batch that leaves the choice to plan.

    It makes as few shards as keep ``parallelism`` pods busy: equal shards, in as few waves as
    shards of at most 5,000 images allow. Each change of pods costs about three seconds in which
    pods start, and more waves would not end more evenly where pods help each other.
    """
    if images <= WHOLE:
        return WHOLE
    waves = ceil(images / (_MOST * parallelism))
    if not helped or parallelism > MOST_HELPED:
        waves = max(waves, min(_WAVES, ceil(images / (_ONE_WAVE * parallelism))))
    if parallelism == 1:  # a single pod gains nothing
        waves = ceil(images / _MOST)
    shards = min(waves * parallelism, images // _FEWEST)
    return ceil(images / shards)
