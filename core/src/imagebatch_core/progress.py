"""``progress/<shard>/<podUID>.json``: what one pod has recorded of a shard so far.

Each compress pod overwrites its document while it works, so that a reader learns a batch's progress
without reading its parts. The parts alone decide which images are done.
"""

from __future__ import annotations

from .indexes import FailureGroup
from .job import Totals
from .model import Document


class PodProgress(Document):
    """The results that one pod recorded, counted, and its failures by code, most frequent first."""

    totals: Totals = Totals()
    failures: tuple[FailureGroup, ...] = ()
