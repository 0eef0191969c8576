"""The newest known state of batches and their Jobs, filled by events and by full lists."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from imagebatch_core.job import Step
from imagebatch_core.names import LABEL_BATCH_UID
from imagebatch_operator import metrics
from imagebatch_operator.clock import utc_now
from imagebatch_operator.policies.idle import idle_since
from imagebatch_operator.policies.observed import JobView, PodOutcome

from . import pods
from .work_queue import Key, MustRestart

_log = logging.getLogger(__name__)
Body = Mapping[str, Any]
#: A Job: namespace, uid of its batch, name.
JobKey = tuple[str, str, str]


class VersionsWentBack(MustRestart):
    """An object has a lower version than before, because the cluster was restored from a backup.
    The versions that this process remembers cannot be compared with the new ones."""

    def __init__(self, name: str, known: int, found: int) -> None:
        super().__init__(
            f"{name} is at resourceVersion {found} and was at {known}: the cluster was restored"
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the cache held at one moment: uid and version of each batch, version of each Job, and
    the versions at which objects were deleted."""

    batches: Mapping[Key, tuple[str, int]]
    jobs: Mapping[JobKey, int]
    gone: Mapping[Key | JobKey, int]


class Cache:
    """Batches and Jobs by key; an older version never replaces a newer one or undoes a deletion.

    API servers guarantee that resource versions can be compared as numbers (Kubernetes KEP-5504).
    So an older event that arrives late does not undo our own write, and a new batch is not mistaken
    for a deleted one of the same name.
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._batches: dict[Key, Body] = {}
        # By namespace and uid: a Job of another namespace that has the label does not count.
        self._jobs: dict[Key, dict[str, tuple[int, JobView]]] = {}
        self._owners: dict[Key, Key] = {}
        #: By uid of a Job of plan or collect: the outcome of the pod that did the step.
        self._done: dict[str, PodOutcome] = {}
        #: The version at which an object was deleted: an older event of it may still arrive.
        self._gone: dict[Key | JobKey, int] = {}
        self._listeners: list[Callable[[Key], None]] = []

    def on_change(self, tell: Callable[[Key], None]) -> None:
        """Have ``tell`` called with the key of a batch when it or one of its Jobs has changed."""
        self._listeners.append(tell)

    def _tell(self, key: Key) -> None:
        for tell in self._listeners:
            tell(key)

    def keys_now(self) -> list[Key]:
        return list(self._batches)

    def namespaces(self) -> set[str]:
        """Return the namespaces that have batches."""
        return {namespace for namespace, _ in self._batches}

    def batch(self, key: Key) -> Body | None:
        return self._batches.get(key)

    def version(self, key: Key) -> int:
        body = self._batches.get(key)
        return _version(body) if body else -1

    def put_batch(self, body: Body) -> Key:
        key = _key(body)
        newest = max(self.version(key), self._gone.get(key, -1))
        if _version(body) >= newest:
            self._batches[key] = body
            self._tell(key)
        return key

    def drop_batch(self, body: Body) -> Key:
        """Remove a deleted batch, given its last state; a newer batch of its name stays."""
        key, version = _key(body), _version(body)
        known = self._batches.get(key)
        if known is not None and known["metadata"]["uid"] == body["metadata"]["uid"]:
            version = max(version, _version(known))
        if self.version(key) <= version:
            self._batches.pop(key, None)
        self._gone[key] = max(version + 1, self._gone.get(key, -1))
        self._tell(key)
        return key

    def jobs(self, namespace: str, uid: str) -> tuple[JobView, ...]:
        return tuple(view for _, view in self._jobs.get((namespace, uid), {}).values())

    def known(self, namespace: str | None = None) -> Known:
        """Return what the cache holds now, of one namespace or of all."""

        def wanted(key: Key | JobKey) -> bool:
            return namespace is None or key[0] == namespace

        return Known(
            {
                key: (body["metadata"]["uid"], _version(body))
                for key, body in self._batches.items()
                if wanted(key)
            },
            {
                (*place, name): version
                for place, jobs in self._jobs.items()
                if wanted(place)
                for name, (version, _) in jobs.items()
            },
            {key: version for key, version in self._gone.items() if wanted(key)},
        )

    def put_found(self, body: Body, known: int) -> Key:
        """Store the result of a GET; ``known`` is the version that the cache held before the GET.

        Raises:
            VersionsWentBack: the API server's version is lower than ``known``.
        """
        if _version(body) < known:
            raise VersionsWentBack("/".join(_key(body)), known, _version(body))
        return self.put_batch(body)

    def put_job(self, body: Body) -> Key | None:
        """Store a Job and return the key of the batch that owns it; ``None`` when no batch does."""
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
        if _version(body) < self._gone.get(_job_key(body), -1):
            return owner
        known = self._jobs.setdefault((body["metadata"]["namespace"], view.batch_uid), {})
        old = known.get(view.name)
        if old is None or _version(body) >= old[0]:
            if old is not None and view.step is Step.COMPRESS:
                metrics.count_failed_pods(old[1].failed_pods, view.failed_pods)
            idle = idle_since(view, old[1] if old else None, self._clock())
            known[view.name] = (_version(body), replace(view, idle_since=idle))
        self._owners[body["metadata"]["namespace"], view.batch_uid] = owner
        self._tell(owner)
        return owner

    def put_pod(self, body: Body) -> Key | None:
        """Store the outcome of a pod that did its step, and return the key of its batch.

        ``None`` if the pod has not done it, or belongs to no known Job of the batch.
        """
        place = body["metadata"]["namespace"], _uid_label(body)
        found = pods.done(body)
        if found is None:
            return None
        job, outcome = found
        if all(view.uid != job for view in self.jobs(*place)):
            return None
        self._done[job] = outcome
        return self._owners.get(place)

    def done(self, job: JobView) -> PodOutcome | None:
        """Return the outcome of the pod that did the Job's step, once an event reported it."""
        return self._done.get(job.uid)

    def drop_job(self, body: Body) -> Key | None:
        self._gone[_job_key(body)] = _version(body) + 1
        self._forget_job(_job_key(body))
        owner = _owner(body)
        if owner is not None:
            self._tell(owner)
        return owner

    def _forget_job(self, key: JobKey) -> None:
        namespace, uid, name = key
        jobs = self._jobs.get((namespace, uid), {})
        forgotten = jobs.pop(name, None)
        if forgotten is not None:
            self._done.pop(forgotten[1].uid, None)
        if not jobs:
            self._jobs.pop((namespace, uid), None)
            self._owners.pop((namespace, uid), None)

    def forget_unlisted(self, before: Known, batches: set[Key], jobs: set[JobKey]) -> list[Key]:
        """Remove what the cache held before a full list and the list did not have. Returns the keys
        of the removed batches."""
        forgotten: list[Key] = []
        for key, (uid, _) in before.batches.items():
            body = self._batches.get(key)
            if key not in batches and body is not None and body["metadata"]["uid"] == uid:
                self.drop_batch(body)
                forgotten.append(key)
        for job in before.jobs.keys() - jobs:
            self._forget_job(job)
        # Events older than the list no longer arrive, so these deletions can be forgotten.
        for gone, version in before.gone.items():
            if self._gone.get(gone) == version:
                del self._gone[gone]
        return forgotten


class Listing:
    """Takes a full list, of one namespace or of all, into the cache page by page.

    Make it before the first request: objects that are created meanwhile are not in the list, and
    must not be removed for that. ``batches`` and ``jobs`` say which of them are listed.
    """

    def __init__(
        self,
        cache: Cache,
        namespace: str | None = None,
        *,
        batches: bool = True,
        jobs: bool = True,
    ) -> None:
        self._cache = cache
        known = cache.known(namespace)
        listed = {2: batches, 3: jobs}  # by the length of the key
        self._before = Known(
            known.batches if batches else {},
            known.jobs if jobs else {},
            {key: version for key, version in known.gone.items() if listed[len(key)]},
        )
        self._batches: set[Key] = set()
        self._jobs: set[JobKey] = set()

    def take_batch(self, body: Body) -> None:
        """Store a listed batch; raises VersionsWentBack."""
        key = _key(body)
        self._batches.add(key)
        self._cache.put_found(body, self._before.batches.get(key, ("", -1))[1])

    def take_job(self, body: Body) -> None:
        """Store a listed Job; raises VersionsWentBack."""
        key = _job_key(body)
        self._jobs.add(key)
        known = self._before.jobs.get(key, -1)
        if _version(body) < known:
            raise VersionsWentBack(f"Job {key[0]}/{key[2]}", known, _version(body))
        self._cache.put_job(body)

    def end(self) -> list[Key]:
        """Remove all that was not listed, and return the keys of the removed batches."""
        return self._cache.forget_unlisted(self._before, self._batches, self._jobs)


def _uid_label(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(LABEL_BATCH_UID))


def _owned(body: Body, uid: str) -> bool:
    references = body["metadata"].get("ownerReferences") or []
    return any(reference["uid"] == uid for reference in references)


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _job_key(body: Body) -> JobKey:
    return body["metadata"]["namespace"], _uid_label(body), body["metadata"]["name"]


def _version(body: Body) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _owner(body: Body) -> Key | None:
    meta = body["metadata"]
    for reference in meta.get("ownerReferences") or []:
        if reference["kind"] == "ImageBatch" and reference.get("controller"):
            return meta["namespace"], reference["name"]
    return None
