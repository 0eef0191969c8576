"""Decide what to delete: a pure function of a listing of the bucket, the batches and the time.

Only what is proved to be needed by nobody goes. The living batches must be listed *after* the
bucket: a batch that is missing from that list is gone for good, because a uid never comes back, and
an object that is missing from the listing cannot be removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from imagebatch_core.owner import Owner
from imagebatch_core.spec import DeletionPolicy

from .living import Living
from .memory import Memory


@dataclass(frozen=True, slots=True)
class Limits:
    """The time for which unneeded objects of each kind are kept."""

    deleted: timedelta
    uploads: timedelta
    sources: timedelta
    unfinished: timedelta
    history: timedelta


@dataclass(frozen=True, slots=True)
class BatchData:
    """The objects of one batch: its ``owner.json`` and when that was written.

    ``owner`` is ``None`` if it does not exist or cannot be read. ``sources`` are the kept sources:
    key to the time at which each was written.
    """

    uid: str
    owner: Owner | None
    written: datetime | None = None
    sources: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """The record of a request: the name of its batch, and when the record was written."""

    name: str
    written: datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    begun: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a namespace in the bucket, except those of settled batches.

    ``batches`` is keyed by root. ``uploads`` has the time at which each was written, by its key in
    the bucket; ``prefix`` is the store's, which the keys in ImageBatches do not have. ``records``
    are those of the namespace's history, by key.
    """

    namespace: str
    prefix: str = ""
    batches: Mapping[str, BatchData] = field(default_factory=dict)
    uploads: Mapping[str, datetime] = field(default_factory=dict)
    records: Mapping[str, ListedRecord] = field(default_factory=dict)
    unfinished: Sequence[Unfinished] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of a run: what to delete, what to keep for now, and what to remember.

    ``roots`` go with everything below them, and with the record of the batch. ``records`` are keys
    of records that are too old. ``left`` is keyed by root, with the reason.
    """

    memory: Memory
    roots: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


def decide(
    listing: Listing, living: Living, memory: Memory, limits: Limits, now: datetime
) -> Decision:
    """Return what may go now, and what to remember until the next run."""
    orphaned: dict[str, datetime] = {}
    left: dict[str, str] = {}
    for root, data in listing.batches.items():
        if data.uid in living.uids:
            continue
        problem = _kept_because(data, listing.namespace, living)
        if problem is not None:
            left[root] = problem
        elif data.owner is not None and data.owner.deletion_policy is DeletionPolicy.DELETE:
            orphaned[root] = min(memory.orphaned.get(root, now), now)
    unreferenced = {
        key: min(memory.unreferenced.get(key, now), now)
        for key, written in listing.uploads.items()
        if key.removeprefix(listing.prefix) not in living.uploads
        and now - written >= limits.uploads
    }
    roots = tuple(root for root, since in orphaned.items() if now - since >= limits.deleted)
    uploads = tuple(key for key, since in unreferenced.items() if now - since >= limits.uploads)
    return Decision(
        # What goes is remembered until the bucket does not list it any more: it may fail to go.
        Memory(
            orphaned=orphaned,
            unreferenced=unreferenced,
            settled=memory.settled | _settled(listing, living, limits, now),
        ),
        roots=roots,
        uploads=uploads,
        sources=tuple(
            key
            for root, data in listing.batches.items()
            if root not in roots
            for key, written in data.sources.items()
            if now - written >= limits.sources
        ),
        records=tuple(
            key
            for key, record in listing.records.items()
            if record.name not in living.names and now - record.written >= limits.history
        ),
        unfinished=tuple(
            upload for upload in listing.unfinished if now - upload.begun >= limits.unfinished
        ),
        left=left,
    )


def _kept_because(data: BatchData, namespace: str, living: Living) -> str | None:
    """Return why the data of a batch that is gone is left, whatever its policy; ``None`` if not."""
    owner = data.owner
    if owner is None:
        return "its owner.json is missing or cannot be read"
    if (owner.namespace, owner.uid) != (namespace, data.uid):
        return f"its owner.json names the batch {owner.namespace}/{owner.name} ({owner.uid})"
    if owner.deletion_policy is DeletionPolicy.DELETE and owner.name in living.named:
        return f"a batch names {owner.name} by retryOf or reuseFrom"
    return None


def _settled(listing: Listing, living: Living, limits: Limits, now: datetime) -> frozenset[str]:
    """Return the uids of batches that nothing is left to do for, now and later.

    They are retained, write nothing any more, and their kept sources are removed.
    """
    return frozenset(
        data.uid
        for data in listing.batches.values()
        if data.owner is not None
        and data.owner.deletion_policy is DeletionPolicy.RETAIN
        and data.written is not None
        and now - data.written >= limits.sources
        and not data.sources
        and data.uid not in living.running
    )
