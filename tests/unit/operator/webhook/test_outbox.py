"""The outbox over a real HTTP receiver and an API server in memory."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from imagebatch_core.names import WEBHOOK_SECRET
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Unavailable, batch_path, core_path
from imagebatch_operator.settings import Settings
from imagebatch_operator.webhook.outbox import Outbox
from unit.operator.builders import NOW, batch
from unit.operator.fakecluster import FakeCluster

RELEASE_SECRET = "whsec_" + base64.b64encode(b"the secret of the release").decode()
TENANT_SECRET = "whsec_" + base64.b64encode(b"the secret of the tenant.").decode()


class Cluster(FakeCluster):
    """An API server that refuses the next ``away`` writes."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.away:
            self.away -= 1
            raise Unavailable(path)
        return await super().patch(path, body)


@asynccontextmanager
async def receiver(take: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        await take(request)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def ended(cluster: FakeCluster, url: str, name: str = "spring", **hook: Any) -> ImageBatch:
    """A batch that has ended and whose event is due, in the cluster."""
    builder = batch().named(name).spec(webhook={"url": url, **hook}).status(
        phase="Completed",
        completionTime="2026-01-02T03:04:05Z",
        startTime="2026-01-02T03:01:00Z",
        webhook={"eventId": f"evt_{name}", "nextAttemptTime": "2026-01-02T03:04:05Z"},
    )  # fmt: skip
    body = builder.body()
    body["metadata"]["uid"] = name
    return ImageBatch.from_object(cluster.add(batch_path("shop", name), body))


def stored(cluster: FakeCluster, name: str = "spring") -> ImageBatch:
    return ImageBatch.from_object(cluster.objects[batch_path("shop", name)])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text(RELEASE_SECRET)
    return Settings(runner_image="r", fetch_allow="127.0.0.1", signing_secret_file=secret)


def outbox(cluster: FakeCluster, settings: Settings) -> Outbox:
    return Outbox(cluster, Cache(), settings, lambda: NOW)


async def test_a_receiver_that_does_not_answer_delays_no_event_to_another_host(
    settings: Settings,
) -> None:
    silent, taken = asyncio.Event(), asyncio.Event()
    waiting: list[str] = []

    async def hang(request: web.Request) -> None:
        waiting.append(request.headers["webhook-id"])
        await silent.wait()

    async def take(_: web.Request) -> None:
        taken.set()

    cluster = FakeCluster()
    sent = outbox(cluster, settings)
    async with receiver(hang) as dead, receiver(take) as alive:
        for number in range(40):
            sent.send(ended(cluster, dead, f"dead-{number}"))
        sent.send(ended(cluster, alive, "alive"))
        async with asyncio.timeout(10):
            await taken.wait()
        assert len(waiting) <= 4
        silent.set()
        await sent.idle()
    assert len(waiting) == 40


async def test_an_attempt_that_could_not_be_recorded_is_recorded_later_and_not_sent_again(
    settings: Settings,
) -> None:
    events: list[str] = []

    async def take(request: web.Request) -> None:
        events.append(request.headers["webhook-id"])

    cluster = Cluster()
    sent = outbox(cluster, settings)
    async with receiver(take) as url:
        due = ended(cluster, url)
        cluster.away = 2
        for _ in range(3):
            sent.send(due)
            await sent.idle()
    assert events == ["evt_spring"]
    state = stored(cluster).status.webhook
    assert state is not None
    assert state.attempts == 1
    assert state.delivered_time is not None


async def test_a_release_secret_that_is_missing_counts_as_an_attempt(
    settings: Settings, tmp_path: Path
) -> None:
    cluster = FakeCluster()
    lost = Settings(runner_image="r", signing_secret_file=tmp_path / "gone")
    sent = outbox(cluster, lost)
    sent.send(ended(cluster, "https://hooks.example/"))
    await sent.idle()
    state = stored(cluster).status
    assert state.webhook is not None
    assert state.webhook.attempts == 1
    delivered = state.condition(ConditionType.WEBHOOK_DELIVERED)
    assert delivered is not None
    assert delivered.reason is Reason.SECRET_NOT_FOUND


@pytest.mark.parametrize("home", ["shop", "release"])
async def test_the_release_secret_signs_for_its_own_namespace_alone(
    settings: Settings, tmp_path: Path, home: str
) -> None:
    events: list[Any] = []
    expected = RELEASE_SECRET if home == "shop" else TENANT_SECRET

    async def take(request: web.Request) -> None:
        body = await request.text()
        sent_at = NOW.replace(microsecond=0)
        signed = Webhook(expected).sign(request.headers["webhook-id"], sent_at, body)
        events.append(request.headers["webhook-signature"] == signed)

    cluster = FakeCluster()
    cluster.add(
        core_path("shop", "secrets", WEBHOOK_SECRET),
        {
            "metadata": {"name": WEBHOOK_SECRET},
            "data": {"secret": base64.b64encode(TENANT_SECRET.encode()).decode()},
        },
    )
    release = Settings(
        runner_image="r",
        fetch_allow=settings.fetch_allow,
        signing_secret_file=settings.signing_secret_file,
        signing_namespace=home,
    )
    sent = outbox(cluster, release)
    async with receiver(take) as url:
        sent.send(ended(cluster, url))
        await sent.idle()
    assert events == [True]


@pytest.mark.field("spec.webhook.url", "spec.webhook.secretRef.name", "spec.webhook.secretRef.key")
async def test_the_event_is_signed_by_the_secret_that_the_batch_names(settings: Settings) -> None:
    signatures: list[bool] = []

    async def take(request: web.Request) -> None:
        body = await request.text()
        sent_at = NOW.replace(microsecond=0)
        signed = Webhook(TENANT_SECRET).sign(request.headers["webhook-id"], sent_at, body)
        signatures.append(request.headers["webhook-signature"] == signed)

    cluster = FakeCluster()
    data = {"hmac": base64.b64encode(TENANT_SECRET.encode()).decode()}
    cluster.add(core_path("shop", "secrets", "mine"), {"metadata": {"name": "mine"}, "data": data})
    sent = outbox(cluster, settings)
    async with receiver(take) as url:
        reference = {"name": "mine", "key": "hmac"}
        sent.send(ended(cluster, url, secretRef=reference))
        await sent.idle()
    assert signatures == [True]


@pytest.mark.parametrize("changed", ["corrected", "removed"])
async def test_an_event_that_waits_for_its_turn_goes_to_no_receiver_that_was_taken_back(
    settings: Settings, changed: str
) -> None:
    silent, full, corrected = asyncio.Event(), asyncio.Event(), asyncio.Event()
    at_old: list[str] = []

    async def hang(request: web.Request) -> None:
        at_old.append(request.headers["webhook-id"])
        if len(at_old) == 4:
            full.set()
        await silent.wait()

    async def take(_: web.Request) -> None:
        corrected.set()

    cluster, cache = FakeCluster(), Cache()
    sent = Outbox(cluster, cache, settings, lambda: NOW)
    async with receiver(hang) as old, receiver(take) as new:
        for number in range(4):
            sent.send(ended(cluster, old, f"before-{number}"))
        waits = ended(cluster, old)
        sent.send(waits)
        async with asyncio.timeout(10):
            await full.wait()
        body = cluster.objects[batch_path("shop", "spring")]
        webhook = {"webhook": {"url": new}} if changed == "corrected" else {}
        source = {"source": body["spec"]["source"]}
        body = cluster.add(batch_path("shop", "spring"), {**body, "spec": {**source, **webhook}})
        cache.put_batch(body)
        if changed == "corrected":
            sent.send(ImageBatch.from_object(body))
            async with asyncio.timeout(10):
                await corrected.wait()
        silent.set()
        await sent.idle()
    assert "evt_spring" not in at_old
    state = stored(cluster).status.webhook
    assert state is not None
    assert (state.delivered_time is not None) == (changed == "corrected")


async def test_a_receiver_corrected_while_the_event_is_on_its_way_is_looked_at_soon(
    settings: Settings,
) -> None:
    silent, begun = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> None:
        begun.set()
        await silent.wait()

    cluster = FakeCluster()
    sent = outbox(cluster, settings)
    async with receiver(hang) as old:
        due = ended(cluster, old)
        sent.send(due)
        async with asyncio.timeout(10):
            await begun.wait()
        assert sent.send(due) == 300
        assert sent.send(ended(cluster, "https://hooks.example/")) == 30
        silent.set()
        await sent.idle()


async def test_the_event_of_the_end_waits_only_shortly_for_an_attempt_of_the_one_before(
    settings: Settings,
) -> None:
    silent, begun = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> None:
        begun.set()
        await silent.wait()

    cluster = FakeCluster()
    sent = outbox(cluster, settings)
    async with receiver(hang) as url:
        due = ended(cluster, url)
        assert due.status.webhook is not None
        planned = due.status.webhook.model_copy(update={"event_id": "evt_planned"})
        before = due.status.model_copy(update={"webhook": planned})
        sent.send(due.model_copy(update={"status": before}))
        async with asyncio.timeout(10):
            await begun.wait()
        assert sent.send(due) == 30
        silent.set()
        await sent.idle()


async def test_names_that_no_server_answers_do_not_hold_up_other_receivers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look-up blocks a thread, of which a small pod would have some six."""
    waiting, answered, real = threading.Semaphore(0), threading.Event(), socket.getaddrinfo
    silent = 16

    def look_up(host: str, *rest: Any, **options: Any) -> Any:
        if host.endswith(".silent.example"):
            waiting.release()
            answered.wait(30)
            raise socket.gaierror("no server answers")
        return real("127.0.0.1" if host == "receiver.example" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    taken = asyncio.Event()

    async def take(_: web.Request) -> None:
        taken.set()

    cluster = Cluster()
    try:
        async with receiver(take) as url:
            port = url.rpartition(":")[2]
            sent = outbox(cluster, settings)
            for number in range(silent):
                host = f"http://h{number}.silent.example/"
                sent.send(ended(cluster, host, f"silent-{number}"))
            sent.send(ended(cluster, f"http://receiver.example:{port}"))
            await asyncio.wait_for(taken.wait(), 5)
            assert all([await asyncio.to_thread(waiting.acquire, timeout=5) for _ in range(silent)])
            answered.set()
            await sent.idle()
    finally:
        answered.set()
