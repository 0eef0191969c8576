"""The memory of the sweeper between runs: ``sweep.json`` of the namespace."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Self

from pydantic import Field, ValidationError

from imagebatch_core.model import Document


class Memory(Document):
    """The times since which objects have not been needed, kept from run to run.

    ``orphaned`` is keyed by the root of a batch's data, ``unreferenced`` by the key of an upload.
    ``settled`` are the uids of batches that need not be looked at again. It may be lost: then what
    nobody needs stays a while longer.
    """

    orphaned: dict[str, datetime] = Field(default_factory=dict)
    unreferenced: dict[str, datetime] = Field(default_factory=dict)
    settled: frozenset[str] = frozenset()

    @classmethod
    def read(cls, data: bytes | None) -> Self:
        """Return what ``sweep.json`` holds; an empty memory if it is missing or unreadable."""
        try:
            return cls() if data is None else cls.model_validate_json(data)
        except ValidationError:
            return cls()

    def without_gone(self, uids: Collection[str]) -> Memory:
        """Return the memory without settled batches of which the bucket holds nothing any more."""
        return self.model_copy(update={"settled": self.settled & frozenset(uids)})

    def to_json(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode()
