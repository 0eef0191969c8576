"""The outcome of an accepted upload."""

from __future__ import annotations

from dataclasses import dataclass

from .csv_check import CsvFacts


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted upload. ``replayed``: an earlier call with the same idempotency key made it."""

    request_id: str
    facts: CsvFacts
    replayed: bool
