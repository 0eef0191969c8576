"""Deliveries pass the same guard as images: what would be dialled, by a recording network."""

from __future__ import annotations

import asyncio

import pytest

from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.reasons import Reason
from imagebatch_operator.policies.webhook_retries import Attempt
from imagebatch_operator.webhook.delivery import deliver
from support.recordednet import RecordedNet
from support.special_addresses import CLOUD
from unit.operator.builders import NOW


async def send(url: str, allow: str = "", deny: str = "") -> Attempt:
    return await deliver(
        url,
        event_id="evt_1",
        body=b"{}",
        secrets=[b"secret"],
        rules=EgressRules.parse(allow, deny),
        now=NOW,
    )


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::ffff:10.0.0.1", *CLOUD])
async def test_no_receiver_inside_is_dialled_by_address_or_by_name(address: str) -> None:
    net = RecordedNet().name("hook.example", ["8.8.8.8", address]).on(asyncio.get_running_loop())
    host = f"[{address}]" if ":" in address else address
    for url in (f"http://{host}/", "https://hook.example/"):
        attempt = await send(url)
        assert (attempt.code, attempt.reason) == (None, Reason.RECEIVER_REFUSED)
    assert net.dialled == []


@pytest.mark.parametrize(
    "url", ["http://127.1/", "http://u:p@8.8.8.8/", "ftp://8.8.8.8/", "http://2130706433/"]
)
async def test_no_receiver_with_an_odd_address_is_looked_up(url: str) -> None:
    net = RecordedNet().on(asyncio.get_running_loop())
    assert (await send(url)).reason is Reason.RECEIVER_REFUSED
    assert net.looked_up == net.dialled == []


async def test_public_and_allowed_receivers_are_dialled() -> None:
    net = RecordedNet().name("hook.example", ["8.8.8.8"]).name("hook.local", ["10.0.0.1"])
    net.on(asyncio.get_running_loop())
    await send("http://hook.example/")
    await send("http://hook.local/", allow="hook.local")
    assert net.dialled == ["8.8.8.8", "10.0.0.1"]


async def test_a_denied_receiver_is_not_dialled_and_the_attempt_says_which_setting_closes_it() -> (
    None
):
    net = RecordedNet().name("hook.example", ["8.8.8.8"]).on(asyncio.get_running_loop())
    attempt = await send("http://hook.example/", allow="hook.example", deny="8.8.0.0/16")
    assert attempt.reason is Reason.RECEIVER_REFUSED
    assert attempt.error == "the receiver's address is closed by egress.deny of the chart"
    assert net.dialled == []
