"""A receiver is called at the address that the batch names, byte for byte."""

from __future__ import annotations

import pytest

from imagebatch_core.egress_rules import EgressRules
from imagebatch_operator.webhook.delivery import deliver
from support.imagehost import ImageHost
from support.written_urls import ENCODED, VERBATIM
from unit.operator.builders import NOW

SENT = {written: written for written in VERBATIM} | ENCODED


@pytest.mark.parametrize("written", SENT, ids=ascii)
async def test_a_webhook_is_sent_as_its_address_is_written(written: str) -> None:
    with ImageHost() as receiver:
        receiver.add_everywhere(b"")
        attempt = await deliver(
            f"http://127.0.0.1:{receiver.port}{written}",
            event_id="evt_1",
            body=b"{}",
            secrets=[b"secret"],
            rules=EgressRules.parse("127.0.0.1"),
            now=NOW,
        )
    assert attempt.code == 200
    assert receiver.targets == [SENT[written]]
