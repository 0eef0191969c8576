"""The newest known state of batches and their Jobs, fed by events and by resync."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imagebatch_core.names import LABEL_BATCH_UID

from .observed import JobView
from .work_queue import Key

_log = logging.getLogger(__name__)
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """Batches with their uids, and Jobs by namespace, batch uid and name, at one moment."""

    batches: Mapping[Key, str]
    jobs: set[tuple[Key, str]]


class Cache:
    """Objects by key; an older version never replaces a newer one.

    Comparing resource versions as numbers is what etcd-backed API servers guarantee
    (Kubernetes KEP-5504); it keeps our own writes from being undone by an event on its way.
    """

    def __init__(self) -> None:
        self._batches: dict[Key, Body] = {}
        # By namespace as well: a Job elsewhere that claims a batch's uid is none of its own.
        self._jobs: dict[Key, dict[str, tuple[int, JobView]]] = {}

    def keys_now(self) -> list[Key]:
        return list(self._batches)

    def batch(self, key: Key) -> Body | None:
        return self._batches.get(key)

    def version(self, key: Key) -> int:
        body = self._batches.get(key)
        return _version(body) if body else -1

    def put_batch(self, body: Body) -> Key:
        key = _key(body)
        old = self._batches.get(key)
        replaced = old is None or old["metadata"]["uid"] != body["metadata"]["uid"]
        if old is None or replaced or _version(body) >= _version(old):
            self._batches[key] = body
        return key

    def drop_batch(self, key: Key) -> None:
        self._batches.pop(key, None)

    def jobs(self, namespace: str, uid: str) -> tuple[JobView, ...]:
        return tuple(view for _, view in self._jobs.get((namespace, uid), {}).values())

    def known(self) -> Known:
        """What is here now; taken before a list, for what comes meanwhile is not in that list."""
        return Known(
            {key: body["metadata"]["uid"] for key, body in self._batches.items()},
            {(place, name) for place, jobs in self._jobs.items() for name in jobs},
        )

    def put_job(self, body: Body) -> Key | None:
        """The key of the batch that owns it, if it is one of ours."""
        owner = _owner(body)
        if owner is None:
            return None
        try:
            view = JobView.from_object(body)
        except (KeyError, ValueError) as error:
            _log.warning("job %s is not readable: %s", body["metadata"].get("name"), error)
            return None
        if not _owned(body, view.batch_uid):
            _log.warning("job %s bears the label of a batch that is not its owner", view.name)
            return None
        known = self._jobs.setdefault((body["metadata"]["namespace"], view.batch_uid), {})
        old = known.get(view.name)
        if old is None or _version(body) >= old[0]:
            known[view.name] = (_version(body), view)
        return owner

    def drop_job(self, body: Body) -> Key | None:
        meta = body["metadata"]
        self._forget_job((meta["namespace"], _uid_label(body)), meta["name"])
        return _owner(body)

    def _forget_job(self, place: Key, name: str) -> None:
        jobs = self._jobs.get(place, {})
        jobs.pop(name, None)
        if not jobs:
            self._jobs.pop(place, None)

    def replace(self, batches: Iterable[Body], jobs: Iterable[Body], before: Known) -> None:
        """Forget what was known before a full list and is not in it; take what it has."""
        listed_batches, listed_jobs = list(batches), list(jobs)
        keys = {_key(body) for body in listed_batches}
        for key, uid in before.batches.items():
            body = self._batches.get(key)
            if key not in keys and body is not None and body["metadata"]["uid"] == uid:
                self.drop_batch(key)
        listed = {
            ((job["metadata"]["namespace"], _uid_label(job)), job["metadata"]["name"])
            for job in listed_jobs
        }
        for place, name in before.jobs - listed:
            self._forget_job(place, name)
        for body in listed_batches:
            self.put_batch(body)
        for body in listed_jobs:
            self.put_job(body)


def _uid_label(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(LABEL_BATCH_UID))


def _owned(body: Body, uid: str) -> bool:
    references = body["metadata"].get("ownerReferences") or []
    return any(reference["uid"] == uid for reference in references)


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _version(body: Body) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _owner(body: Body) -> Key | None:
    meta = body["metadata"]
    for reference in meta.get("ownerReferences") or []:
        if reference["kind"] == "ImageBatch" and reference.get("controller"):
            return meta["namespace"], reference["name"]
    return None
