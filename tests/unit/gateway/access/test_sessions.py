"""Browser sessions, and the calls that a foreign page may cause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.reviews import Person
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import CSV, NAMESPACE, FakeBatches

MakeClient = Callable[..., httpx.AsyncClient]
KEY = "k" * 32
TOKEN = "alices-token"
SAME = {"Sec-Fetch-Site": "same-origin"}
FILES = {"file": ("a.csv", CSV)}


@pytest.fixture
def alice(batches: FakeBatches) -> FakeBatches:
    batches.reviews.tokens["alices-token"] = Person("alice")
    verbs = ("list", "get", "create", "patch", "delete")
    batches.reviews.allow("alice", *(f"{verb} imagebatches {NAMESPACE}" for verb in verbs))
    return batches


async def sign_in(http: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    return await http.post("/api/session", json={"token": token})


def cookie_of(answer: httpx.Response) -> Any:
    parsed = SimpleCookie(answer.headers["Set-Cookie"])
    (morsel,) = parsed.values()
    return morsel


async def test_a_browser_signs_in_reads_writes_and_signs_out(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    answer = await sign_in(http)

    assert answer.status_code == 200
    assert (answer.json()["user"], answer.json()["mayWrite"]) == ("alice", True)
    assert (await http.get("/api/me")).json()["user"] == "alice"
    made = await http.post("/api/upload", files=FILES, headers=SAME)
    assert made.status_code == 200
    assert alice.acting[-1] == "alices-token"
    assert (await http.delete("/api/session", headers=SAME)).status_code == 204
    assert (await http.get("/api/requests")).status_code == 401


async def test_the_cookie_is_for_the_gateway_alone(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes", gateway_url="https://images.example")
    plain = cookie_of(await sign_in(http))
    assert (plain.key, bool(plain["secure"])) == ("imagebatch", False)
    answer = await http.post(
        "/api/session", json={"token": "alices-token"}, headers={"Host": "images.example"}
    )
    secure = cookie_of(answer)
    assert (secure.key, bool(secure["secure"])) == ("__Host-imagebatch", True)
    for cookie in (plain, secure):
        assert cookie["httponly"]
        assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("strict", "/", "")
        assert "alices-token" not in cookie.value
        assert cookie["max-age"] == "43200"


@pytest.mark.parametrize("token", ["guessed", "ibk_x", "two words", "umläut", "a\nb"])
async def test_a_wrong_token_begins_no_session(
    client_of: MakeClient, batches: FakeBatches, token: str
) -> None:
    answer = await sign_in(client_of(auth_mode="kubernetes"), token)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


async def test_without_sign_in_there_is_nothing_to_sign_in_with_but_a_key(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    answer = await sign_in(client_of(), "some-token")
    assert (answer.status_code, answer.json()["type"].rsplit(":")[-1]) == (
        401,
        "credentials-refused",
    )


async def test_a_session_cannot_be_fixed_before_its_person_signs_in(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes", auth_session_keys=KEY)
    planted = "planted-by-an-attacker"
    http.cookies.set("imagebatch", planted, domain="127.0.0.1", path="/")
    answer = await sign_in(http)
    mine = cookie_of(answer).value
    assert mine != planted
    again = cookie_of(await sign_in(http)).value
    assert again != mine

    attacker = client_of(auth_mode="kubernetes", auth_session_keys=KEY)
    attacker.cookies.set("imagebatch", planted, domain="127.0.0.1", path="/")
    assert (await attacker.get("/api/requests")).status_code == 401


async def test_a_changed_cookie_is_no_session(client_of: MakeClient, alice: FakeBatches) -> None:
    http = client_of(auth_mode="kubernetes")
    value = cookie_of(await sign_in(http)).value
    for wrong in (value[:-4] + "AAA=", value[:40], "", "gAAAAA", "ü"):
        http.cookies.clear()
        raw = [(b"Cookie", b"imagebatch=" + wrong.encode())]
        assert (await http.get("/api/requests", headers=raw)).status_code == 401


async def test_sessions_hold_after_a_restart_and_at_every_replica_with_the_key(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    here = client_of(auth_mode="kubernetes", auth_session_keys=KEY)
    await sign_in(here)
    keys = {
        "the same": (KEY, 200),
        "rotated": ("n" * 32 + "\n" + KEY, 200),
        "other": ("o" * 32, 401),
    }
    for text, expected in keys.values():
        there = client_of(auth_mode="kubernetes", auth_session_keys=text)
        there.cookies = here.cookies
        assert (await there.get("/api/requests")).status_code == expected


async def test_a_session_ends_with_its_time_and_with_its_token(
    settings: Settings, store: MemoryStore, alice: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [datetime(2026, 11, 28, tzinfo=UTC).timestamp()]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(times[0], tz)

    monkeypatch.setattr("imagebatch_gateway.app.datetime", Clock)
    changed = {"auth_mode": "kubernetes", "auth_session_seconds": 600, "auth_review_seconds": 0.01}
    app = create_app(settings.model_copy(update=changed), store, alice)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await sign_in(http)
        times[0] += 600
        assert (await http.get("/api/requests")).status_code == 200
        times[0] += 1
        assert (await http.get("/api/requests")).status_code == 401
        http.cookies.clear()
        await sign_in(http)
        del alice.reviews.tokens["alices-token"]
        await asyncio.sleep(0.02)
        assert (await http.get("/api/requests")).status_code == 401
    await app.state.namespaces.close()


@pytest.mark.parametrize("length", [1000, 2500])
async def test_long_tokens_fit_into_a_cookie(
    client_of: MakeClient, batches: FakeBatches, length: int
) -> None:
    token = "".join(chr(97 + (i * i + i // 7) % 26) for i in range(length))
    batches.reviews.tokens[token] = Person("alice")
    http = client_of(auth_mode="kubernetes")
    assert (await sign_in(http, token)).status_code == 200
    assert (await http.get("/api/me")).json()["user"] == "alice"


async def test_a_token_that_does_not_fit_is_told(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    import random

    token = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyzABCDEFG0123456789", k=9000))
    batches.reviews.tokens[token] = Person("alice")
    answer = await sign_in(client_of(auth_mode="kubernetes"), token)
    assert answer.status_code == 422
    assert "API key" in answer.json()["message"]


def test_a_short_key_ends_the_start(settings: Settings, store: MemoryStore) -> None:
    changed = settings.model_copy(update={"auth_session_keys": "too-short"})
    with pytest.raises(ConfigurationRefused, match="at least 32 characters") as refused:
        create_app(changed, store, FakeBatches())
    assert "too-short" not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "with_session", "without"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403, 403),
        ({"Sec-Fetch-Site": "none"}, 403, 403),
        ({"Origin": "http://127.0.0.1"}, 200, 200),
        ({"Origin": "http://127.0.0.1.evil.example"}, 403, 403),
        ({"Origin": "null"}, 403, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}, 403, 403),
        ({}, 403, 200),
    ],
    ids=str,
)
async def test_a_foreign_pages_form_or_fetch_writes_nothing(
    client_of: MakeClient,
    alice: FakeBatches,
    *,
    headers: dict[str, str],
    with_session: int,
    without: int,
) -> None:
    session = client_of(auth_mode="kubernetes")
    await sign_in(session)
    anonymous = client_of(auth_mode="none")
    for http, expected in ((session, with_session), (anonymous, without)):
        before = len(alice.stored)
        answer = await http.post("/api/upload", files=FILES, headers=headers)
        assert answer.status_code == expected, answer.text
        assert len(alice.stored) - before == (expected == 200)
        if expected == 403:
            assert answer.json()["type"].endswith("foreign-page")


async def test_no_page_signs_a_browser_in_or_out_for_another(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    headers = {"Sec-Fetch-Site": "cross-site"}
    forged = await http.post("/api/session", json={"token": "alices-token"}, headers=headers)
    assert forged.status_code == 403
    assert "Set-Cookie" not in forged.headers
    # What a form of a page without scripts can send is no JSON.
    form = await http.post("/api/session", data={"token": "alices-token"})
    assert form.status_code == 422
    await sign_in(http)
    assert (await http.delete("/api/session", headers=headers)).status_code == 403
    assert (await http.get("/api/me")).json()["user"] == "alice"


async def test_a_program_with_a_token_needs_no_origin(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    headers = {"Authorization": "Bearer alices-token"}
    assert (await http.post("/api/upload", files=FILES, headers=headers)).status_code == 200


async def test_an_old_session_does_not_keep_its_person_from_signing_in(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes", auth_review_seconds=0.001)
    await sign_in(http)
    alice.reviews.tokens["new-token"] = alice.reviews.tokens.pop("alices-token")
    await asyncio.sleep(0.02)
    assert (await http.get("/api/me")).status_code == 401
    assert (await sign_in(http, "new-token")).status_code == 200
    assert (await http.get("/api/me")).status_code == 200
