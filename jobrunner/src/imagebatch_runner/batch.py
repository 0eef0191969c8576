"""One batch as every step of it sees it."""

from __future__ import annotations

from dataclasses import dataclass

from imagebatch_core.job import RunnerJob
from imagebatch_core.keys import BatchKeys

from .settings import Settings
from .storage import Storage


@dataclass(frozen=True, slots=True)
class Batch:
    job: RunnerJob
    keys: BatchKeys
    storage: Storage
    settings: Settings
