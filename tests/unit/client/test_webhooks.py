"""Webhooks are authentic if the reference implementation of the standard signed them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from typer.testing import CliRunner

from imagebatch.cli.app import app
from imagebatch.webhooks import NotAuthentic, verify

SECRET, OTHER = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
AT = 1_800_000_000
BODY = '{"requestId": "r1"}'
HEADERS = {
    "Webhook-Id": "msg_1",
    "webhook-timestamp": str(AT),
    "webhook-signature": Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(AT, UTC), BODY),
}


@pytest.mark.parametrize("secrets", [SECRET, f"{OTHER}\n{SECRET}\n"])
def test_a_signed_webhook_is_authentic(secrets: str) -> None:
    verify(BODY.encode(), HEADERS, secrets, now=AT + 299)


@pytest.mark.parametrize(
    ("body", "secret", "late", "words"),
    [
        (BODY + " ", SECRET, 0, "no signature"),
        (BODY, OTHER, 0, "no signature"),
        (BODY, SECRET, 301, "differs by more than"),
    ],
)
def test_a_changed_foreign_or_old_one_is_not(body: str, secret: str, late: int, words: str) -> None:
    with pytest.raises(NotAuthentic, match=words):
        verify(body.encode(), HEADERS, secret, now=AT + late)


def test_the_command_says_so_with_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "body").write_text(BODY)
    (tmp_path / "secret").write_text(SECRET)
    words = ["webhook", "verify", str(tmp_path / "body"), "--id", "msg_1"]
    words += ["--timestamp", str(AT), "--signature", HEADERS["webhook-signature"]]
    words += ["--secret-file", str(tmp_path / "secret")]
    assert CliRunner().invoke(app, [*words, "--old"]).exit_code == 0
    assert CliRunner().invoke(app, words).exit_code == 2
