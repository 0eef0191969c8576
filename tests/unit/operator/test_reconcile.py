"""The real reconciler on an in-memory cluster, killed around every one of its writes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from imagebatch_core.names import LABEL_STEP, RUNNER_CONFIG_MAP
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_operator.cluster.cache import VersionsWentBack
from imagebatch_operator.cluster.client import (
    Conflict,
    Invalid,
    batch_path,
    core_path,
    jobs_path,
)
from imagebatch_operator.settings import Settings
from unit.operator.builders import NOW, batch
from unit.operator.fakecluster import IMAGES, FakeCluster
from unit.operator.life import KEY, Life, applied, result, without_times

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes, yes").decode()


class Receiver:
    """A real HTTP server that keeps what it verified."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        event_id = request.headers["webhook-id"]
        # Not its verify(): that compares with the wall clock, which these tests do not follow.
        sent = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        assert request.headers["webhook-signature"] == Webhook(SECRET).sign(event_id, sent, body)
        event = json.loads(body)
        self.events.append((event_id, event))
        return web.Response(status=self.answers.pop(0) if self.answers else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taken = Receiver()
    app = web.Application()
    app.router.add_post("/done", taken.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    taken.url = f"http://127.0.0.1:{runner.addresses[0][1]}/done"
    yield taken
    await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    return Settings(
        runner_image="runner:1",
        fetch_allow="127.0.0.1",
        signing_secret_file=secret,
        gateway_url="http://gateway.example",
        gateway_namespace="shop",
    )


async def test_a_batch_runs_from_plan_to_the_delivered_webhook(
    receiver: Receiver, settings: Settings
) -> None:
    cluster = applied(batch().webhook(receiver.url))
    assert await Life(cluster, settings).to_the_end() == 0
    found = result(cluster)
    assert found.status.phase is Phase.COMPLETED
    assert found.status.webhook is not None
    assert found.status.webhook.delivered_time is not None
    assert cluster.jobs() == [], "child Jobs go once the report is in the status"
    [(_, event)] = receiver.events
    assert event["type"] == "imagebatch.completed"
    data = event["data"]
    assert (data["requestId"], data["namespace"], data["status"]) == ("spring", "shop", "completed")
    assert data["images"]["failed"] == 2
    assert data["images"]["total"] == IMAGES
    assert data["bytes"] == {"in": 1000, "out": 400}
    assert data["downloadUrl"] == "http://gateway.example/api/download/spring"


@pytest.mark.parametrize("lost", [True, False], ids=["before", "after"])
async def test_killed_around_any_write_the_end_is_the_same(
    receiver: Receiver, settings: Settings, lost: bool
) -> None:
    whole = applied(batch().webhook(receiver.url))
    await Life(whole, settings).to_the_end()
    expected, writes = without_times(result(whole)), len(whole.writes)
    assert writes >= 10
    first_id = receiver.events[0][0]
    for number in range(1, writes + 1):
        receiver.events.clear()
        cluster = applied(batch().webhook(receiver.url))
        cluster.crash_at, cluster.lost = number, lost
        assert await Life(cluster, settings).to_the_end() == 1, f"write {number}"
        assert without_times(result(cluster)) == expected, f"write {number}"
        assert cluster.jobs() == []
        assert {event_id for event_id, _ in receiver.events} == {first_id}, f"write {number}"
        assert len(receiver.events) <= 2


async def cancelled_while_its_shards_run(url: str, settings: Settings) -> FakeCluster:
    cluster = applied(batch().webhook(url))
    life = Life(cluster, settings)
    while not any("compress" in job["metadata"]["labels"][LABEL_STEP] for job in cluster.jobs()):
        cluster.run_jobs()
        await life.one_pass()
    body = cluster.objects[batch_path(*KEY)]
    cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], "cancel": True}})
    cluster.writes.clear()
    return cluster


@pytest.mark.parametrize("lost", [True, False], ids=["before", "after"])
async def test_killed_around_any_write_of_an_early_end_the_end_is_the_same(
    receiver: Receiver, settings: Settings, lost: bool
) -> None:
    whole = await cancelled_while_its_shards_run(receiver.url, settings)
    await Life(whole, settings).to_the_end()
    expected, writes = without_times(result(whole)), len(whole.writes)
    assert result(whole).status.phase is Phase.CANCELLED
    assert result(whole).status.report is not None
    assert receiver.events[0][1]["type"] == "imagebatch.cancelled"
    assert receiver.events[0][1]["data"]["images"]["failed"] == 2
    for number in range(1, writes + 1):
        cluster = await cancelled_while_its_shards_run(receiver.url, settings)
        cluster.crash_at, cluster.lost = number, lost
        assert await Life(cluster, settings).to_the_end() == 1, f"write {number}"
        assert without_times(result(cluster)) == expected, f"write {number}"
        assert cluster.jobs() == []
    assert {event_id for event_id, _ in receiver.events} == {receiver.events[0][0]}


async def test_a_crash_after_sending_repeats_the_event_with_the_same_id(
    receiver: Receiver, settings: Settings
) -> None:
    whole = applied(batch().webhook(receiver.url))
    await Life(whole, settings).to_the_end()
    receiver.events.clear()
    cluster = applied(batch().webhook(receiver.url))
    cluster.crash_at, cluster.lost = len(whole.writes), True  # the record of the delivery
    await Life(cluster, settings).to_the_end()
    assert len(receiver.events) == 2
    assert receiver.events[0] == receiver.events[1]


async def test_a_failing_receiver_is_tried_again_until_it_takes_the_event(
    receiver: Receiver, settings: Settings
) -> None:
    receiver.answers = [500, 302, 503]
    cluster = applied(batch().webhook(receiver.url))
    life = Life(cluster, settings)
    await life.to_the_end()
    assert len(receiver.events) == 4
    assert len({event_id for event_id, _ in receiver.events}) == 1
    assert life.seconds > 1800, "0 s, 5 s, 5 min, 30 min"
    outbox = result(cluster).status.webhook
    assert outbox is not None
    assert (outbox.attempts, outbox.last_code) == (4, 204)


async def test_a_receiver_that_is_gone_ends_the_deliveries(
    receiver: Receiver, settings: Settings
) -> None:
    receiver.answers = [410]
    cluster = applied(batch().webhook(receiver.url))
    await Life(cluster, settings).to_the_end()
    delivered = result(cluster).status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert delivered is not None
    assert delivered.reason is Reason.RECEIVER_GONE
    assert len(receiver.events) == 1


async def test_a_private_receiver_is_never_dialled(receiver: Receiver, settings: Settings) -> None:
    cluster = applied(batch().webhook(receiver.url))
    closed = Settings(runner_image="r", signing_secret_file=settings.signing_secret_file)
    life = Life(cluster, closed)
    for _ in range(8):
        await life.one_pass()
        cluster.run_jobs()
    delivered = result(cluster).status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert delivered is not None
    assert delivered.reason is Reason.RECEIVER_REFUSED
    assert receiver.events == []


@pytest.mark.parametrize(
    ("readable", "told"),
    [
        (True, "Secret mine of namespace shop does not exist"),
        (
            False,
            "mine of namespace shop may not be read: webhook.secretRefs of the chart allows it",
        ),
    ],
)
async def test_a_missing_signing_secret_is_said(
    receiver: Receiver, settings: Settings, readable: bool, told: str
) -> None:
    hook = {"url": receiver.url, "secretRef": {"name": "mine"}}
    cluster = applied(batch().spec(webhook=hook))
    cluster.unreadable = lambda path: "/secrets/" in path and not readable
    life = Life(cluster, settings)
    for _ in range(8):
        await life.one_pass()
        cluster.run_jobs()
    delivered = result(cluster).status.condition(ConditionType.WEBHOOK_DELIVERED)
    assert delivered is not None
    assert delivered.reason is Reason.SECRET_NOT_FOUND
    assert delivered.message.endswith(told)


async def test_refused_input_ends_the_batch_with_the_runners_words(settings: Settings) -> None:
    cluster = applied(batch())
    cluster.exit_code["plan"] = 2
    await Life(cluster, settings).to_the_end()
    succeeded = result(cluster).status.condition(ConditionType.SUCCEEDED)
    assert succeeded is not None
    assert (succeeded.reason, succeeded.message) == (
        Reason.INPUT_REFUSED,
        "line 1: not such a CSV",
    )


async def test_a_settled_batch_costs_no_write(settings: Settings) -> None:
    cluster = applied(batch())
    life = Life(cluster, settings)
    await life.to_the_end()
    written = len(cluster.writes)
    life.start()
    for _ in range(3):
        assert await life.one_pass() is None
    assert len(cluster.writes) == written


async def test_a_quota_that_refuses_the_job_is_said_and_heals(settings: Settings) -> None:
    cluster = applied(batch())
    cluster.forbid = lambda path: path.endswith("/jobs")
    life = Life(cluster, settings)
    assert await life.one_pass() == 0.0
    assert await life.one_pass() == 15.0
    reconciling = result(cluster).status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert reconciling.reason is Reason.PODS_BLOCKED
    assert "exceeded quota" in reconciling.message
    cluster.forbid = lambda path: False
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_an_admission_policy_that_does_not_take_the_job_is_said(settings: Settings) -> None:
    cluster = applied(batch())
    cluster.forbid = lambda path: path.endswith("/jobs")
    cluster.refusal = Invalid("policy 'team-label' denied request: no label team")
    life = Life(cluster, settings)
    await life.one_pass()
    assert await life.one_pass() == 15.0
    reconciling = result(cluster).status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert "no label team" in reconciling.message


@pytest.mark.parametrize(
    ("change", "phase"),
    [({"suspend": True}, Phase.SUSPENDED), ({"cancel": True}, Phase.CANCELLED)],
)
async def test_a_batch_that_wants_no_job_any_more_is_left_alone_by_the_quota(
    settings: Settings, change: dict[str, bool], phase: Phase
) -> None:
    cluster = applied(batch())
    cluster.forbid = lambda path: path.endswith("/jobs")
    life = Life(cluster, settings)
    await life.one_pass()
    await life.one_pass()
    path = batch_path(*KEY)
    body = cluster.objects[path]
    cluster.add(path, {**body, "spec": {**body["spec"], **change}})
    await life.one_pass()
    for _ in range(2):
        assert await life.one_pass() is None
    status = result(cluster).status
    assert status.phase is phase
    reconciling = status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert reconciling.reason is not Reason.PODS_BLOCKED


async def test_a_strangers_job_of_that_name_is_not_taken_for_ours(settings: Settings) -> None:
    cluster = applied(batch())
    name = f"spring-{batch().build().uid[:8]}-plan-r1"
    cluster.add(
        jobs_path("shop", name),
        {"metadata": {"name": name, "namespace": "shop"}, "spec": {"suspend": True}},
    )
    life = Life(cluster, settings)
    await life.one_pass()
    await life.one_pass()
    reconciling = result(cluster).status.condition(ConditionType.RECONCILING)
    assert reconciling is not None
    assert "another owner" in reconciling.message


async def test_a_batch_where_no_gateway_serves_is_told_without_an_address(
    settings: Settings, receiver: Receiver
) -> None:
    cluster = applied(batch().webhook(receiver.url))
    await Life(cluster, settings.model_copy(update={"gateway_namespace": "other"})).to_the_end()
    [(_, event)] = receiver.events
    assert event["data"]["reportKey"]
    assert "downloadUrl" not in event["data"]


async def test_storage_that_is_set_up_later_heals_the_batch(settings: Settings) -> None:
    cluster = applied(batch())
    account = cluster.objects.pop("/api/v1/namespaces/shop/serviceaccounts/imagebatch-runner")
    life = Life(cluster, settings)
    assert await life.one_pass() == 15.0
    accepted = result(cluster).status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.reason is Reason.STORAGE_NOT_CONFIGURED
    cluster.add("/api/v1/namespaces/shop/serviceaccounts/imagebatch-runner", account)
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_the_batch_goes_when_its_time_to_live_is_over(settings: Settings) -> None:
    cluster = applied(batch().spec(ttlSecondsAfterFinished=3600))
    life = Life(cluster, settings)
    await life.to_the_end()
    assert batch_path(*KEY) not in cluster.objects
    assert 3600 <= life.seconds < 3610


async def test_a_spec_changed_during_an_attempt_does_not_send_the_event_twice(
    receiver: Receiver, settings: Settings
) -> None:
    cluster = applied(batch().webhook(receiver.url))
    life = Life(cluster, settings)
    while not receiver.events:
        life.look()
        await life.reconciler.reconcile(KEY)
        cluster.run_jobs()
        due = result(cluster).status.webhook
        if due is not None and not receiver.events:
            await life.reconciler.reconcile(KEY)
            body = cluster.objects[batch_path(*KEY)]
            cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], "parallelism": 9}})
            await life.reconciler.outbox.idle()
    await life.to_the_end()
    assert len(receiver.events) == 1
    assert result(cluster).spec.parallelism == 9
    outbox = result(cluster).status.webhook
    assert outbox is not None
    assert outbox.delivered_time is not None


async def test_a_receiver_that_never_answers_holds_up_no_pass(settings: Settings) -> None:
    async with asyncio.timeout(5):
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
            port = silent.sockets[0].getsockname()[1]
            cluster = applied(batch().webhook(f"http://127.0.0.1:{port}/"))
            life = Life(cluster, settings)
            for _ in range(8):
                life.look()
                again = await life.reconciler.reconcile(KEY)
                cluster.run_jobs()
            assert again == 300.0
            assert result(cluster).status.phase is Phase.COMPLETED


async def test_the_earlier_batch_is_waited_for_and_may_then_be_deleted(settings: Settings) -> None:
    winter = batch().named("winter").status(phase="Processing").body()
    winter["metadata"]["uid"] = "uid-winter"
    cluster = applied(batch().spec(reuseFrom={"name": "winter"}))
    cluster.add(batch_path("shop", "winter"), winter)
    life = Life(cluster, settings)
    await life.one_pass()
    waiting = result(cluster).status.condition(ConditionType.ACCEPTED)
    assert waiting is not None
    assert waiting.reason is Reason.EARLIER_BATCH_NOT_ENDED
    assert cluster.jobs() == []

    cluster.add(batch_path("shop", "winter"), {**winter, "status": {"phase": "Completed"}})
    await life.one_pass()
    await cluster.delete(batch_path("shop", "winter"))
    life.start()
    await life.one_pass()
    [job] = cluster.jobs()
    environment = job["spec"]["template"]["spec"]["containers"][0]["env"]
    told = next(json.loads(e["value"]) for e in environment if e["name"] == "IMAGEBATCH_JOB")
    assert told["reuseFrom"] == "uid-winter"
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_waiting_for_the_earlier_batch_asks_the_api_server_nothing(
    settings: Settings,
) -> None:
    winter = batch().named("winter").status(phase="Processing").body()
    winter["metadata"]["uid"] = "uid-winter"
    cluster = applied(batch().spec(reuseFrom={"name": "winter"}))
    cluster.add(batch_path("shop", "winter"), winter)
    life = Life(cluster, settings)
    await life.one_pass()
    assert cluster.reads
    cluster.reads.clear()
    cluster.writes.clear()
    for _ in range(3):
        assert await life.one_pass() == 15.0
        life.start()
    assert (cluster.reads, cluster.writes) == ([], [])

    storage = core_path("shop", "configmaps", RUNNER_CONFIG_MAP)
    removed = cluster.objects.pop(storage)
    cluster.add(batch_path("shop", "winter"), {**winter, "status": {"phase": "Completed"}})
    await life.one_pass()
    accepted = result(cluster).status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.reason is Reason.STORAGE_NOT_CONFIGURED
    cluster.add(storage, removed)
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_a_decision_on_a_stale_cache_is_made_again_on_what_the_api_server_has(
    settings: Settings,
) -> None:
    """Although no watch ever tells of the change."""
    cluster = applied(batch())
    life = Life(cluster, settings)
    life.look()
    body = cluster.objects[batch_path(*KEY)]
    cluster.add(batch_path(*KEY), {**body, "spec": {**body["spec"], "cancel": True}})
    assert await life.reconciler.reconcile(KEY) == 0.0
    await life.reconciler.reconcile(KEY)
    assert result(cluster).status.phase is Phase.CANCELLED
    assert cluster.writes.count("patch status") == 2, "one conflict and one write"


async def test_a_stale_batch_that_is_gone_is_forgotten(settings: Settings) -> None:
    cluster = applied(batch())
    life = Life(cluster, settings)
    life.look()
    cluster.refuse = Conflict
    del cluster.objects[batch_path(*KEY)]
    assert await life.reconciler.reconcile(KEY) is None
    assert life.cache.batch(KEY) is None


async def test_a_conflict_that_reading_again_does_not_explain_is_tried_with_backoff(
    settings: Settings,
) -> None:
    cluster = applied(batch())
    life = Life(cluster, settings)
    life.look()
    cluster.refuse = Conflict
    with pytest.raises(Conflict):
        await life.reconciler.reconcile(KEY)


async def test_a_batch_older_than_it_was_makes_the_process_start_anew(settings: Settings) -> None:
    """Its cluster was restored from a backup: every write would be a conflict for ever."""
    cluster = applied(batch())
    backup = cluster.objects[batch_path(*KEY)]
    life = Life(cluster, settings)
    cluster.add(batch_path(*KEY), backup)
    life.look()
    cluster.objects[batch_path(*KEY)] = backup
    with pytest.raises(VersionsWentBack, match="the cluster was restored"):
        await life.reconciler.reconcile(KEY)
    life.start()
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_a_clock_ahead_of_the_api_servers_does_not_fail_what_waits_for_its_earlier_batch(
    settings: Settings,
) -> None:
    """Both were applied in one go; the operator's clock is two minutes ahead."""
    ahead = NOW - batch().build().creation_timestamp
    assert ahead > timedelta(seconds=60)
    cluster = applied(batch().spec(reuseFrom={"name": "winter"}))
    life = Life(cluster, settings)
    await life.one_pass()
    accepted = result(cluster).status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.reason is Reason.EARLIER_BATCH_NOT_FOUND
    assert result(cluster).status.phase is Phase.PENDING
    life.seconds += 59
    await life.one_pass()
    assert result(cluster).status.phase is Phase.PENDING
    cluster.add(
        batch_path(KEY[0], "winter"), batch().named("winter").status(phase="Completed").body()
    )
    await life.to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED


async def test_an_earlier_batch_that_never_comes_is_waited_for_a_minute(settings: Settings) -> None:
    cluster = applied(batch().spec(reuseFrom={"name": "winter"}))
    life = Life(cluster, settings)
    await life.one_pass()
    life.seconds += 60
    await life.one_pass()
    assert result(cluster).status.phase is Phase.FAILED
