"""The newest known state of batches and their Jobs, fed by events and by resync."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from .observed import JobView
from .work_queue import Key

_log = logging.getLogger(__name__)
Body = Mapping[str, Any]


class Cache:
    """Objects by key; an older version never replaces a newer one.

    Comparing resource versions as numbers is what etcd-backed API servers guarantee
    (Kubernetes KEP-5504); it keeps our own writes from being undone by an event on its way.
    """

    def __init__(self) -> None:
        self._batches: dict[Key, Body] = {}
        self._jobs: dict[str, dict[str, tuple[int, JobView]]] = {}

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

    def jobs(self, uid: str) -> tuple[JobView, ...]:
        return tuple(view for _, view in self._jobs.get(uid, {}).values())

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
        known = self._jobs.setdefault(view.batch_uid, {})
        old = known.get(view.name)
        if old is None or _version(body) >= old[0]:
            known[view.name] = (_version(body), view)
        return owner

    def drop_job(self, body: Body) -> Key | None:
        for uid, jobs in list(self._jobs.items()):
            if jobs.pop(body["metadata"]["name"], None) and not jobs:
                del self._jobs[uid]
        return _owner(body)

    def replace(self, batches: Iterable[Body], jobs: Iterable[Body]) -> None:
        """Forget what a full list no longer has, take what it has."""
        listed_batches, listed_jobs = list(batches), list(jobs)
        keys = {_key(body) for body in listed_batches}
        for key in set(self._batches) - keys:
            self.drop_batch(key)
        names = {body["metadata"]["name"] for body in listed_jobs}
        for uid, known in list(self._jobs.items()):
            for name in set(known) - names:
                del known[name]
            if not known:
                del self._jobs[uid]
        for body in listed_batches:
            self.put_batch(body)
        for body in listed_jobs:
            self.put_job(body)


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
