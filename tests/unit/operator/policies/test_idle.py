"""Since when a Job is without a ready pod, from the events as they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from imagebatch_core.job import Step
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.jobs import construct_job
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.settings import Settings
from unit.operator.builders import UID, batch

CREATED = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


class Watched:
    """A shard Job as its events tell it, on a clock of its own; times in seconds from creation."""

    def __init__(self) -> None:
        self.now = 0.0
        self._version = 0
        self.start()

    def start(self) -> None:
        """A new operator, which knows nothing."""
        self._cache = Cache(lambda: CREATED + timedelta(seconds=self.now))

    def event(self, at: float, *, suspend: bool = False, **status: Any) -> float | None:
        """The idle time's begin after an event."""
        self.now = at
        self._version += 1
        action = CreateJob(Step.COMPRESS, 1, shards=3)
        body = construct_job(batch().build(), action, Settings(runner_image="r"))
        body["metadata"] |= {
            "resourceVersion": str(self._version),
            "creationTimestamp": CREATED.isoformat(),
            "uid": "uid-of-job",
        }
        body["spec"]["suspend"] = suspend
        self._cache.put_job({**body, "status": status})
        since = self._cache.jobs("shop", UID)[0].idle_since
        return None if since is None else (since - CREATED).total_seconds()


def test_a_new_job_is_idle_from_its_creation_and_no_longer_once_a_pod_is_ready() -> None:
    job = Watched()
    assert job.event(1) == 0
    assert job.event(30, active=1) == 0
    assert job.event(31, active=1, ready=1) is None


def test_a_job_whose_pod_is_gone_is_idle_from_then_on_however_old_it_is() -> None:
    job = Watched()
    job.event(1, ready=1)
    assert job.event(5000, ready=0, completedIndexes="0") == 5000
    assert job.event(5030, ready=0, completedIndexes="0") == 5000


def test_progress_between_two_events_shows_that_a_pod_was_ready() -> None:
    job = Watched()
    job.event(1)
    assert job.event(100, completedIndexes="0") == 100
    assert job.event(200, completedIndexes="0", failed=1) == 200
    assert job.event(300, completedIndexes="0-1", failed=1) == 300
    assert job.event(400, completedIndexes="0-1", failed=1) == 300


def test_suspended_is_not_idle_and_resumed_counts_anew() -> None:
    job = Watched()
    job.event(1)
    assert job.event(500, suspend=True) is None
    assert job.event(900) == 900


def test_a_new_operator_counts_a_job_that_never_got_anywhere_from_its_start() -> None:
    job = Watched()
    job.event(1)
    job.start()
    assert job.event(5000, active=1) == 0
    job.start()
    resumed = (CREATED + timedelta(seconds=4990)).isoformat()
    assert job.event(5000, active=1, startTime=resumed) == 4990


def test_a_new_operator_does_not_call_a_job_between_two_pods_idle_since_long_ago() -> None:
    job = Watched()
    job.event(1, ready=1)
    job.start()
    assert job.event(5000, completedIndexes="0-1") == 5000
