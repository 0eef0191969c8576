"""One random life of up to three batches, and what must hold in every one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from imagebatch_core.crd import structural
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.names import (
    ANNOTATION_IMAGES,
    LABEL_BATCH_UID,
    LABEL_KUEUE_QUEUE,
    LABEL_STEP,
    RUNNER_CONFIG_MAP,
)
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.cluster.cache import Cache, Listing
from imagebatch_operator.cluster.client import KubeError, batch_path, core_path
from imagebatch_operator.policies.webhook_retries import Attempt
from imagebatch_operator.reconcile import Reconciler
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, batch
from unit.operator.fakecluster import Crash
from unit.operator.randomlives.cluster import (
    PER_SHARD,
    Body,
    RandomCluster,
    Work,
    unfinished,
)
from unit.operator.randomlives.structural import problems

STATUS_SCHEMA = structural(ImageBatchStatus)
NAMES = ("alpha", "beta", "gamma")
_RESTLESS_STEPS = 60
_CALM_STEPS = 400
_EARLY = (Reason.CANCELLED, Reason.DEADLINE_EXCEEDED)


#: How often each change happens, as compared with the others.
_SHARES = {
    "suspend": 30, "cancel": 8, "confirm": 14, "hold": 6, "parallelism": 10, "priority": 8,
    "job": 6, "delete": 4, "quota": 7, "namespace": 7,
}  # fmt: skip


class Broken(AssertionError):
    """Something that must hold did not; the message has the seed and what happened."""


class Story:
    """All that happens follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.random = seed, Random(seed)
        self.seconds = 0
        self.log: list[str] = []
        self.events: dict[str, list[tuple[str, bytes]]] = {}
        self.gone: set[str] = set()
        self.ends: set[str] = set()
        self.cluster = RandomCluster(self.random, self._now)
        self.cluster.on_status, self.cluster.on_job = self._check_status, self._check_running
        limits: dict[str, int] = {}
        if self.random.random() < 0.6:
            limits["running_batches"] = 1
        if self.random.random() < 0.3:
            limits["ended_batches_per_namespace"] = 1
        self.settings = Settings(runner_image="r:1", signing_namespace="release", **limits)
        secret = base64.b64encode(b"whsec_" + base64.b64encode(b"s" * 24)).decode()
        path = core_path("shop", "secrets", "imagebatch-webhook")
        self.cluster.add(path, {"metadata": {"name": path}, "data": {"secret": secret}})
        # Each life has some things that happen often, and some that never do: so rare meetings of
        # two of them come about.
        self.habits = {
            name: share * self.random.choice([0.01, 1, 1, 5]) for name, share in _SHARES.items()
        }
        self.haste = self.random.choice([0.2, 0.6])
        self.names = NAMES[: self.random.randint(1, 3)]
        for number, name in enumerate(self.names):
            self._create(number, name)
        self._start()

    def _now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def _create(self, number: int, name: str) -> None:
        random = self.random
        spec: Body = {"parallelism": random.choice([1, 2, 4, 8])}
        chances: tuple[tuple[float, str, Any], ...] = (
            (0.3, "suspendAfter", "Plan"),
            (0.2, "activeDeadlineSeconds", random.choice([5, 60, 600])),
            (0.2, "suspend", True),
            (0.1, "dryRun", True),
            (0.2, "ttlSecondsAfterFinished", random.choice([0, 30])),
            (0.5, "webhook", {"url": "https://hooks.example/done"}),
        )
        spec |= {field: value for share, field, value in chances if random.random() < share}
        made = batch().named(name).spec(**spec)
        if random.random() < 0.2:
            made.queued()
        body = made.body()
        if number and random.random() < 0.5:
            earlier = {"name": self.names[number - 1]}
            if random.random() < 0.5 and "dryRun" not in spec:
                body["spec"]["source"] = {"retryOf": earlier}
            else:
                body["spec"]["reuseFrom"] = earlier
        shards = random.choice([1, 2, 5])
        if random.random() < 0.4:
            # The gateway has counted the images; now and then they change before plan reads them.
            body["spec"]["imagesPerShard"] = PER_SHARD
            images = PER_SHARD * random.choice([shards, shards, shards, 2, 4])
            body["metadata"]["annotations"] = {ANNOTATION_IMAGES: str(images)}
        body["metadata"]["uid"] = uid = f"{number:08}-1111-1111-1111-111111111111"
        self.cluster.work[uid] = Work(shards)
        self.cluster.add(batch_path("shop", name), body)
        self.log.append(f"create {name} {body['spec']}")

    # The operator

    def _start(self) -> None:
        self.cluster.crash_at = None
        self.cache = Cache(clock=self._now)
        self.operator = Reconciler(
            self.cluster, self.cache, self.settings, clock=self._now, deliver=self._deliver
        )

    async def _deliver(
        self,
        url: str,
        *,
        event_id: str,
        body: bytes,
        secrets: Iterable[bytes],
        rules: EgressRules,
        now: datetime,
    ) -> Attempt:
        if self.cluster.chance(0.3):
            return Attempt(self.random.choice([500, 429]))
        uid = body.partition(b'"uid":"')[2].partition(b'"')[0].decode()
        self.events.setdefault(uid, []).append((event_id, body))
        return Attempt(204)

    async def _passes(self) -> None:
        if self.cluster.chance(0.2):
            return  # the operator is away
        for name in self.random.sample(self.names, len(self.names)):
            if not self.cluster.chance(0.2):
                self._list()
            try:
                await self.operator.reconcile(("shop", name))
                await self.operator.outbox.idle()
            except Crash:
                self.log.append("crash")
                self._start()
                self._list()
            except KubeError as error:
                self.log.append(repr(error))

    def _list(self) -> None:
        listing = Listing(self.cache)
        for body in self.cluster.batches():
            listing.take_batch(body)
        for body in self.cluster.jobs():
            listing.take_job(body)
        listing.end()

    # What people and the cluster do

    def _something_happens(self) -> None:
        random, name = self.random, self.random.choice(self.names)
        path = batch_path("shop", name)
        body = self.cluster.objects.get(path)
        if body is None:
            return
        labels = body["metadata"]["labels"]
        changes: dict[str, Callable[[], Any]] = {
            "suspend": lambda: self._set(name, suspend=not body["spec"].get("suspend", False)),
            "cancel": lambda: self._set(name, cancel=True),
            "confirm": lambda: self._set(name, suspendAfter=None),
            "hold": lambda: self._set(name, suspendAfter="Plan"),
            "parallelism": lambda: self._set(name, parallelism=random.choice([1, 2, 4, 8])),
            "priority": lambda: self._set(name, priority=0 if LABEL_KUEUE_QUEUE in labels else 3),
            "job": self._job_is_deleted,
            "delete": lambda: self._is_deleted(name),
            "quota": self._quota_changes,
            "namespace": self._namespace_changes,
        }
        [change] = random.choices(list(changes), [self.habits[one] for one in changes])
        changes[change]()

    def _set(self, name: str, **fields: Any) -> None:
        path = batch_path("shop", name)
        if (body := self.cluster.objects.get(path)) is None:
            return
        spec = {**body["spec"], **fields}
        spec = {field: value for field, value in spec.items() if value is not None}
        if spec == body["spec"]:
            return
        body["metadata"]["generation"] += 1
        self.cluster.add(path, {**body, "spec": spec})
        self.log.append(f"set {name} {fields}")

    def _job_is_deleted(self) -> None:
        paths = self.cluster.job_paths()
        if paths:
            path = self.random.choice(paths)
            self.log.append(f"delete {path}")
            self.cluster.mark_deleted(path)

    def _is_deleted(self, name: str) -> None:
        self.gone.add(name)
        self.log.append(f"delete {name}")
        del self.cluster.objects[batch_path("shop", name)]

    def _quota_changes(self) -> None:
        full = self.random.random() < 0.5
        self.cluster.forbid = lambda path: full and path.endswith("/jobs")
        self.log.append(f"quota full: {full}")

    def _namespace_changes(self) -> None:
        path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
        found = self.cluster.objects.get(path)
        if found is not None and self.random.random() < 0.5:
            self._runner_config = self.cluster.objects.pop(path)
            self.log.append("no runner settings")
        elif found is None:
            self.cluster.objects[path] = self._runner_config
            self.log.append("runner settings")

    # The life

    async def run(self) -> None:
        """Let things happen, then wait for the end. Raises Broken."""
        try:
            for _ in range(_RESTLESS_STEPS):
                await self._passes()
                self.cluster.progress()
                if self.random.random() < self.haste:
                    self._something_happens()
                if self.random.random() < 0.15:
                    self.cluster.crash_at = len(self.cluster.writes) + self.random.randint(1, 3)
                    self.cluster.lost = self.random.random() < 0.5
                self.seconds += self.random.choice([0, 1, 2, 5, 15, 100])
            self._calm_down()
            for _ in range(_CALM_STEPS):
                await self._passes()
                self.cluster.progress()
                self.seconds += self.random.choice([1, 2, 5, 15, 60, 3600])
                if self._is_over():
                    break
            self._check_end()
        except Exception as error:
            told = "\n".join(self.log[-40:])
            raise Broken(f"seed {self.seed}: {error!r}\n{told}") from error

    def _calm_down(self) -> None:
        self.log.append("calm")
        self.cluster.calm, self.cluster.crash_at = True, None
        self.cluster.forbid = lambda path: False
        path = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
        self.cluster.objects.setdefault(path, getattr(self, "_runner_config", {}))
        for name in self.names:
            self._set(name, suspend=False, suspendAfter=None)

    def _left(self) -> list[ImageBatch]:
        return [ImageBatch.from_object(body) for body in self.cluster.batches()]

    def _is_over(self) -> bool:
        left = self._left()
        ended = all(one.status.phase is not None and one.status.phase.finished for one in left)
        pending = any(one.status.webhook and one.status.webhook.next_attempt_time for one in left)
        expires = any(one.spec.ttl_seconds_after_finished is not None for one in left)
        return ended and not (pending or expires or self.cluster.jobs())

    # What must hold

    def _check_status(self, before: Body, after: Body) -> None:
        """At every write of a status."""
        name, old, new = after["metadata"]["name"], before.get("status") or {}, after["status"]
        found = list(problems(new, STATUS_SCHEMA, "status"))
        assert not found, f"{name}: the API server refuses the status: {found}"
        was, now = ImageBatchStatus.model_validate(old), ImageBatchStatus.model_validate(new)
        if was.phase is not None and was.phase.finished:
            same = (was.phase, was.completion_time, was.images, was.report, was.shards)
            assert same == (now.phase, now.completion_time, now.images, now.report, now.shards), (
                f"{name}: an end was changed: {old} -> {new}"
            )
        if now.phase is not None and now.phase.finished:
            told = now.condition(ConditionType.SUCCEEDED)
            assert told is not None
            self.ends.add(told.reason)
        if was.start_time is not None:
            assert now.start_time == was.start_time, f"{name}: startTime was changed"
        if was.runs is not None:
            assert now.runs is not None, f"{name}: runs were forgotten"
            pairs = zip(was.runs.shards, now.runs.shards, strict=False)
            fewer = now.runs.plan < was.runs.plan or now.runs.collect < was.runs.collect
            assert not fewer, f"{name}: {was.runs} -> {now.runs}"
            assert all(one <= other for one, other in pairs), f"{name}: {was.runs} -> {now.runs}"
        if now.shards is not None:
            counted = now.shards.done + now.shards.failed
            assert 0 <= counted <= now.shards.total, f"{name}: {now.shards}"
        reconciling, stalled = (
            now.condition(ConditionType.RECONCILING), now.condition(ConditionType.STALLED)
        )  # fmt: skip
        both = reconciling and stalled and reconciling.status == stalled.status == "True"
        assert not both, f"{name}: Reconciling and Stalled"

    def _check_running(self, job: Body) -> None:
        """Whenever a Job begins or is resumed: no more batches run than may, and no step twice."""
        running: dict[str, list[str]] = {}
        for one in self.cluster.jobs():
            held = one["spec"].get("suspend") or one["metadata"].get("deletionTimestamp")
            if unfinished(one) and not held:
                labels = one["metadata"]["labels"]
                running.setdefault(labels[LABEL_BATCH_UID], []).append(labels[LABEL_STEP])
        name, limit = job["metadata"]["name"], self.settings.running_batches
        for steps in running.values():
            assert len(steps) == len(set(steps)), f"{name}: a step runs twice: {steps}"
        counted = [uid for uid in running if self._counts(uid)]
        assert limit is None or len(counted) <= limit, f"{name}: {counted} run"

    def _counts(self, uid: str) -> bool:
        """Whether the limit on running batches counts a batch: it ends by itself, without Kueue."""
        for body in self.cluster.batches():
            if body["metadata"]["uid"] == uid:
                ends = body["spec"].get("cancel") or (body.get("status") or {}).get("ending")
                ended = (body.get("status") or {}).get("completionTime")
                return not (ends or ended or body["metadata"]["labels"].get(LABEL_KUEUE_QUEUE))
        return False

    def _check_end(self) -> None:
        left = self._left()
        for one in left:
            ended = one.status.phase is not None and one.status.phase.finished
            assert ended, f"{one.name} never ends: {one.status!r}"
        assert not self.cluster.jobs(), "pods after the end"
        for one in left:
            self._check_images(one)
            self._check_webhook(one)
            assert one.spec.ttl_seconds_after_finished is None, f"{one.name} outlives its ttl"
            self._check_earlier(one)

    def _check_images(self, one: ImageBatch) -> None:
        """Nothing that was recorded is missing in the report; only what failed twice is lost."""
        work, status = self.cluster.work[one.uid], one.status
        told = status.condition(ConditionType.SUCCEEDED)
        assert told is not None
        if status.phase is Phase.COMPLETED and not one.spec.dry_run:
            assert status.images is not None
            assert status.report is not None
            assert status.images.succeeded == work.totals.succeeded, one.name
            for shard in set(range(work.shards)) - work.recorded:
                assert work.failures[shard] >= 2, f"{one.name}: shard {shard} was given up early"
        elif told.reason in _EARLY and work.recorded and not work.stopped:
            obstacle = "there is no report" in told.message
            assert status.report is not None or obstacle, f"{one.name} lost {work.recorded}"

    def _check_webhook(self, one: ImageBatch) -> None:
        events = self.events.get(one.uid, [])
        if one.spec.webhook is None:
            assert events == [], f"{one.name}: an event that nobody wants"
            return
        kind = f'"type":"imagebatch.{str(one.status.phase).lower()}"'.encode()
        ends = {event for event, body in events if kind in body}
        others = {event for event, body in events if kind not in body}
        assert len(ends) == 1, f"{one.name}: {events}"
        assert len(others) <= 1, f"{one.name}: {events}"
        assert not ends & others

    def _check_earlier(self, one: ImageBatch) -> None:
        """An earlier batch is kept until the one that waits for it has recorded it."""
        told = one.status.condition(ConditionType.SUCCEEDED)
        earlier = one.spec.source.retry_of or one.spec.reuse_from
        if told is not None and told.reason == Reason.EARLIER_BATCH_NOT_FOUND:
            assert earlier is not None
            assert earlier.name in self.gone, f"{one.name}: {earlier.name} went too early"
