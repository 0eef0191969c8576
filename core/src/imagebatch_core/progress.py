"""``progress/<shard>/<podUID>.json``: counts of the results that one pod has recorded in a shard.

Each compress pod overwrites its document while it works, so that a reader learns a batch's progress
without reading its parts. The parts alone decide which images are done.
"""

from __future__ import annotations

from .indexes import FailureGroup
from .job import Totals
from .model import Document


class PodProgress(Document):
    """Counts of the results that one pod recorded, and its failures by code, most frequent
    first."""

    totals: Totals = Totals()
    failures: tuple[FailureGroup, ...] = ()
