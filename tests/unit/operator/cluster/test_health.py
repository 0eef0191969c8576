"""What the kubelet's probes are told."""

from __future__ import annotations

import time

import aiohttp

from imagebatch_operator.cluster.health import Health, Unhealthy


async def ask(port: int) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as answer,
    ):
        return answer.status, (await answer.json())["detail"]


async def test_a_process_that_has_not_looked_around_yet_is_not_ready() -> None:
    async with Health().served(0) as port:
        assert await ask(port) == (503, "starting")


async def test_a_failing_report_is_answered_at_once_each_time_and_heals() -> None:
    """Kopf's own probe slept for a minute inside the request, holding a lock."""
    health = Health()

    def fail() -> str:
        raise Unhealthy("silent watch: jobs")

    async with health.served(0) as port:
        health.report = fail
        began = time.monotonic()
        for _ in range(3):
            assert await ask(port) == (503, "silent watch: jobs")
        assert time.monotonic() - began < 5
        health.report = lambda: "leads"
        assert await ask(port) == (200, "leads")
