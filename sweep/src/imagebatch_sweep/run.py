"""Run the sweeper once: list the bucket, then the ImageBatches, decide, and delete."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.history import RecordPointer, RequestRecord
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.keys import (
    BatchKeys,
    batch_uid,
    namespace_prefix,
    store_prefix,
    sweep_clusters_prefix,
    sweep_memory_key,
    upload_prefix,
)
from imagebatch_core.owner import Owner

from .bucket import Bucket, BucketFailed, BucketForbidden
from .living import Living
from .memory import Memory
from .rules import BatchData, Decision, ListedRecord, Listing, Unfinished, decide
from .settings import Settings

_log = logging.getLogger(__name__)

#: For so long another cluster counts whose sweeper was here.
_CLUSTER_COUNTS: Final = timedelta(days=7)
#: Lists the ImageBatches of the namespace; raises if it cannot list all of them.
ListBatches = Callable[[], Iterable[Mapping[str, Any]]]


class AnotherCluster(ImageBatchError):
    """A sweeper of another cluster works on the same part of the bucket."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run. ``failed`` says that something could not be read or deleted."""

    decision: Decision
    failed: bool


def sweep(
    bucket: Bucket,
    batches: ListBatches,
    settings: Settings,
    now: datetime,
    *,
    dry_run: bool,
    cluster: str | None = None,
) -> Outcome:
    """Remove what nobody needs any more; with ``dry_run`` only log it.

    ``cluster`` tells this cluster from others.

    Raises:
        AnotherCluster: the sweeper of another one was here within 7 days. Nothing is removed then.
        BucketFailed: a listing of the bucket is not whole. Nothing is removed then.
        Exception: the ImageBatches cannot be listed. Nothing is removed then.
    """
    prefix = store_prefix(settings.store)
    _check_alone(bucket, settings.namespace, prefix, cluster, now, dry_run=dry_run)
    at = sweep_memory_key(settings.namespace, prefix)
    stored = bucket.get(at)
    memory = Memory.read(stored.data if stored else None)
    survey = _Survey(bucket, settings.namespace, prefix, memory)
    listing = survey.listing()
    # After the listing: a batch that is missing here can have no object in it that is needed.
    living = Living.of(batches())
    decision = decide(listing, living, memory, settings.limits, now)
    for root, reason in decision.left.items():
        _log.info("left as it is: %s: %s", root, reason, extra={"root": root})
    if dry_run:
        _tell(decision)
        return Outcome(decision, survey.failed)
    failed = _Removal(bucket, listing, decision).run()
    bucket.put(at, decision.memory.without_gone(survey.uids).to_json())
    return Outcome(decision, failed or survey.failed)


def _check_alone(
    bucket: Bucket,
    namespace: str,
    prefix: str,
    cluster: str | None,
    now: datetime,
    *,
    dry_run: bool,
) -> None:
    """Leave a mark of this cluster, and raise AnotherCluster if there is one of another.

    The ImageBatches of the other one cannot be listed here, so its data would seem to be needed by
    nobody. Each cluster has a mark of its own: of two that run at once, each sees the other's.
    """
    if cluster is None:
        return
    marks = sweep_clusters_prefix(namespace, prefix)
    if not dry_run:
        bucket.put(f"{marks}{cluster}", b"{}\n")
    others = [
        key
        for key, written in bucket.objects(marks)
        if key != f"{marks}{cluster}" and now - written < _CLUSTER_COUNTS
    ]
    if others:
        raise AnotherCluster(
            f"another cluster sweeps {namespace_prefix(namespace, prefix)} of this bucket as well, "
            "and its batches would be lost: give each cluster its own bucket or s3.prefix. If that "
            f"cluster is gone, delete {others[0]}, or wait 7 days"
        )


class _Survey:
    """Lists the objects of a namespace. ``failed`` if one of its batches could not be read."""

    def __init__(self, bucket: Bucket, namespace: str, prefix: str, memory: Memory) -> None:
        self._bucket = bucket
        self._namespace = namespace
        self._prefix = prefix
        self._memory = memory
        self.uids: set[str] = set()
        self.failed = False

    def listing(self) -> Listing:
        """Return what the bucket holds; a listing that is not whole raises BucketFailed."""
        below = namespace_prefix(self._namespace, self._prefix)
        roots = {root: uid for root in self._bucket.folders(below) if (uid := batch_uid(root))}
        self.uids = set(roots.values())
        return Listing(
            namespace=self._namespace,
            prefix=self._prefix,
            uploads=dict(self._bucket.objects(self._prefix + upload_prefix(self._namespace))),
            records=self._records(),
            unfinished=self._unfinished(below),
            batches={
                root: found
                for root, uid in roots.items()
                if uid not in self._memory.settled and (found := self._batch(root, uid)) is not None
            },
        )

    def _records(self) -> dict[str, ListedRecord]:
        keys = HistoryKeys(self._namespace, self._prefix)
        return {
            key: ListedRecord(parsed.name, written)
            for key, written in self._bucket.objects(keys.records)
            if (parsed := keys.parse_record(key)) is not None
        }

    def _unfinished(self, below: str) -> list[Unfinished]:
        try:
            return self._bucket.unfinished(below)
        except BucketForbidden as error:
            # A right on the whole bucket, which the key pair of a namespace may lack.
            _log.info("multipart uploads are left to a lifecycle rule of the bucket: %s", error)
            return []

    def _batch(self, root: str, uid: str) -> BatchData | None:
        """Return the data of a batch; ``None`` if there is none.

        Some stores list a folder for a while after its last object is gone.
        """
        keys = BatchKeys(root)
        try:
            stored = self._bucket.get(keys.owner)
        except BucketFailed as error:
            _log.warning("%s", error, extra={"root": root})
            self.failed = True
            return BatchData(uid, None)
        if stored is None:
            empty = next(self._bucket.objects(root), None) is None
            return None if empty else BatchData(uid, None)
        sources = dict(self._bucket.objects(keys.sources))
        try:
            owner = Owner.model_validate_json(stored.data)
        except ValidationError:
            return BatchData(uid, None, stored.written, sources)
        return BatchData(uid, owner, stored.written, sources)


def _tell(decision: Decision) -> None:
    """Log what a run would remove now, and what it would remove later."""
    for kind, named in (
        ("the data of a batch", decision.roots),
        ("an upload", decision.uploads),
        ("a kept source", decision.sources),
        ("a record", decision.records),
        ("a multipart upload", [upload.key for upload in decision.unfinished]),
    ):
        for key in named:
            _log.info("would remove %s: %s", kind, key, extra={"key": key})
    going = {*decision.roots, *decision.uploads}
    for key, since in (decision.memory.orphaned | decision.memory.unreferenced).items():
        if key not in going:
            text = "needed by nobody, as seen since %s: %s"
            _log.info(text, since.isoformat(), key, extra={"key": key})


class _Removal:
    """Removes what may go. A later run repeats what failed or was not reached."""

    def __init__(self, bucket: Bucket, listing: Listing, decision: Decision) -> None:
        self._bucket = bucket
        self._listing = listing
        self._decision = decision
        self._history = HistoryKeys(listing.namespace, listing.prefix)

    def run(self) -> bool:
        """Remove it all, and return whether something could not be removed."""
        failed = False
        for what, removal in self._removals():
            try:
                removal()
            except BucketFailed as error:
                _log.error("could not remove %s: %s", what, error)
                failed = True
            else:
                _log.info("removed %s", what)
        return failed

    def _removals(self) -> Iterator[tuple[str, Callable[[], object]]]:
        decision = self._decision
        for key in decision.uploads:
            yield f"an upload: {key}", partial(self._bucket.delete, [key])
        for key in decision.sources:
            yield f"a kept source: {key}", partial(self._bucket.delete, [key])
        for key in decision.records:
            yield f"a record: {key}", partial(self._record, key)
        for upload in decision.unfinished:
            yield f"the multipart upload of {upload.key}", partial(self._bucket.abort, upload)
        for root in decision.roots:
            yield f"the data of a batch: {root}", partial(self._batch, root)

    def _batch(self, root: str) -> None:
        """Remove all objects of a batch and its record; ``owner.json`` last, so that a run that is
        killed is repeated."""
        data, owner_key = self._listing.batches[root], BatchKeys(root).owner
        self._bucket.delete(key for key, _ in self._bucket.objects(root) if key != owner_key)
        for key, record in self._listing.records.items():
            named = data.owner is not None and record.name == data.owner.name
            if named and self._uid_of(key) == data.uid:
                self._record(key)
        self._bucket.delete([owner_key])

    def _record(self, key: str) -> None:
        """Remove a record, and the object with the batch's name if that points to it."""
        pointer = self._history.pointer(self._listing.records[key].name)
        stored = self._bucket.get(pointer)
        pointed = None
        if stored is not None:
            with suppress(ValidationError):
                pointed = RecordPointer.model_validate_json(stored.data).key
        self._bucket.delete([pointer, key] if pointed == key else [key])

    def _uid_of(self, key: str) -> str | None:
        """Return the uid of the batch that a record is of; ``None`` if it cannot be read."""
        stored = self._bucket.get(key)
        if stored is None:
            return None
        try:
            return RequestRecord.model_validate_json(stored.data).uid
        except ValidationError:
            return None
