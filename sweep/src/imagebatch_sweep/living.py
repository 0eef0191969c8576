"""The ImageBatches that exist, reduced to what protects objects in the bucket.

They are read as plain JSON, so that fields of a newer release protect as well: every uid that
stands anywhere in a batch, as in ``status.storage`` or ``status.reuse``, counts as needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

_UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Living:
    """The names, uids and keys by which the ImageBatches of a namespace need objects in the bucket.

    ``names`` are their own, ``uids`` are of batches whose data is needed, ``running`` of those that
    may still write, ``named`` are the names in ``retryOf`` and ``reuseFrom``, and ``uploads`` the
    keys in ``source.s3``, without the store's prefix.
    """

    names: frozenset[str] = frozenset()
    uids: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    uploads: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bodies: Iterable[Mapping[str, Any]]) -> Self:
        """Read the objects of the API server."""
        names: set[str] = set()
        uids: set[str] = set()
        running: set[str] = set()
        named: set[str] = set()
        uploads: set[str] = set()
        for body in bodies:
            mentioned = _UID.findall(json.dumps(body))
            uids.update(mentioned)
            names.add(str(body["metadata"]["name"]))
            spec = body.get("spec") or {}
            source = spec.get("source") or {}
            if not (body.get("status") or {}).get("completionTime"):
                running.update(mentioned)
            for earlier in (source.get("retryOf"), spec.get("reuseFrom")):
                if earlier:
                    named.add(str(earlier.get("name")))
            if source.get("s3"):
                uploads.add(str(source["s3"].get("key")))
        return cls(*map(frozenset, (names, uids, running, named, uploads)))
