"""API keys: made once, scoped, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from imagebatch_core import names
from imagebatch_gateway.access.api_key import Scope, new_key
from imagebatch_gateway.access.keyring import FRESH_SECONDS, STALE_SECONDS, Keyring
from imagebatch_gateway.backends.errors import ClusterUnavailable, CredentialRefused
from imagebatch_gateway.backends.reviews import Person
from unit.gateway.builders import CSV, NAMESPACE, BatchBuilder, FakeBatches, FakeKeySecret

MakeClient = Callable[..., httpx.AsyncClient]
ADMIN = {"Authorization": "Bearer admins-token"}
ALL = ("list", "get", "create", "patch", "delete")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def http(client_of: MakeClient, batches: FakeBatches) -> httpx.AsyncClient:
    batches.reviews.tokens["admins-token"] = Person("root")
    batches.others = {"bakery": FakeBatches()}
    for namespace in (NAMESPACE, "bakery"):
        batches.reviews.allow("root", *(f"{verb} imagebatches {namespace}" for verb in ALL))
        batches.reviews.allow("root", f"update secrets {namespace}")
    return client_of(auth_mode="kubernetes", gateway_namespaces=("bakery",))


async def make(http: httpx.AsyncClient, query: str = "", **sent: Any) -> dict[str, Any]:
    answer = await http.post(f"/api/keys{query}", headers=ADMIN, json={"name": "ci", **sent})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_key_is_shown_once_and_stored_as_a_hash(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    made = await make(http, scope="write", expiresInDays=30)

    secret = made["key"].split("_", 2)[2]
    stored = batches.key_secret.entries[made["id"]].decode()
    assert secret not in stored
    assert len(json.loads(stored)["secretSha256"]) == 64
    listed = await http.get("/api/keys", headers=ADMIN)
    assert secret not in listed.text
    (item,) = listed.json()["items"]
    assert (item["name"], item["scope"], item["createdBy"]) == ("ci", "write", "root")
    assert item["expiresAt"] > item["createdAt"]
    assert item == {name: value for name, value in made.items() if name != "key"}


async def test_a_key_reads_and_only_one_that_may_write_writes(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    reading = bearer((await make(http))["key"])
    writing = bearer((await make(http, scope="write"))["key"])
    files = {"file": ("a.csv", CSV)}

    assert (await http.get("/api/requests", headers=reading)).status_code == 200
    refused = await http.post("/api/upload", headers=reading, files=files)
    assert refused.status_code == 403
    assert "key:ci may not create imagebatches" in refused.json()["message"]
    made = await http.post("/api/upload", headers=writing, files=files)
    annotations = batches.stored[made.json()["requestId"]].annotations
    assert annotations[names.ANNOTATION_CREATED_BY] == "key:ci"
    assert batches.acting[-1] is None
    me = (await http.get("/api/me", headers=writing)).json()
    assert (me["kind"], me["user"], me["mayWrite"]) == ("key", "key:ci", True)


async def test_a_key_reaches_its_namespace_only(
    http: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.named("ours").build())
    batches.others["bakery"].add(batch.named("theirs").build())
    key = bearer((await make(http, "?namespace=bakery", scope="write"))["key"])

    assert (await http.get("/api/requests/theirs", headers=key)).status_code == 200
    assert (await http.get("/api/requests/ours", headers=key)).status_code == 404
    for call in ("/api/requests/ours", "/api/requests", "/api/products/ours", "/api/status/ours"):
        refused = await http.get(f"{call}?namespace={NAMESPACE}", headers=key)
        assert refused.status_code == 403
    assert (await http.get("/api/me", headers=key)).json()["namespaces"] == ["bakery"]


async def test_a_key_manages_no_keys(http: httpx.AsyncClient) -> None:
    made = await make(http, scope="write")
    key = bearer(made["key"])

    assert (await http.get("/api/keys", headers=key)).status_code == 403
    answer = await http.post("/api/keys", headers=key, json={"name": "more"})
    assert answer.status_code == 403
    assert (await http.delete(f"/api/keys/{made['id']}", headers=key)).status_code == 403


async def test_nobody_gives_a_right_that_they_lack(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    batches.reviews.tokens["clerks-token"] = Person("clerk")
    reads = (f"list imagebatches {NAMESPACE}", f"get imagebatches {NAMESPACE}")
    batches.reviews.allow("clerk", *reads, f"update secrets {NAMESPACE}")
    sent: dict[str, Any] = {"headers": bearer("clerks-token")}

    answer = await http.post("/api/keys", json={"name": "ci", "scope": "write"}, **sent)
    assert answer.status_code == 403
    assert "may not create imagebatches" in answer.json()["message"]
    assert (await http.post("/api/keys", json={"name": "ci"}, **sent)).status_code == 201


async def test_the_charts_admins_manage_keys_without_a_right_to_secrets(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    batches.reviews.tokens["tokens"] = Person("carol", ("platform",))
    reads = (f"list imagebatches {NAMESPACE}", f"get imagebatches {NAMESPACE}")
    batches.reviews.allow("carol", *reads)
    call = {"json": {"name": "ci"}, "headers": bearer("tokens")}
    for admins, expected in ((), 403), (("carol",), 201), (("group:platform",), 201):
        http = client_of(auth_mode="kubernetes", auth_admins=admins)
        assert (await http.post("/api/keys", **call)).status_code == expected


async def test_a_deleted_key_is_refused_at_once_here_and_soon_elsewhere(
    http: httpx.AsyncClient, client_of: MakeClient
) -> None:
    made = await make(http)
    key = bearer(made["key"])
    assert (await http.get("/api/requests", headers=key)).status_code == 200
    other = await http.delete(f"/api/keys/{made['id']}?namespace=bakery", headers=ADMIN)
    assert other.status_code == 404
    assert (await http.delete(f"/api/keys/{made['id']}", headers=ADMIN)).status_code == 204

    refused = await http.get("/api/requests", headers=key)
    assert refused.status_code == 401
    assert "deleted" in refused.json()["message"]
    gone = await http.delete(f"/api/keys/{made['id']}", headers=ADMIN)
    assert (gone.status_code, gone.json()["message"]) == (404, "API key not found")


@pytest.mark.parametrize("mode", ["none", "proxy"])
async def test_a_key_counts_beside_every_mode(
    http: httpx.AsyncClient, client_of: MakeClient, mode: str
) -> None:
    made = await make(http)
    beside = client_of(auth_mode=mode, auth_proxy_secret="s" * 16)
    key = bearer(made["key"])

    assert (await beside.get("/api/me", headers=key)).json()["user"] == "key:ci"
    files = {"file": ("a.csv", CSV)}
    assert (await beside.post("/api/upload", headers=key, files=files)).status_code == 403
    changed = made["key"][:-1] + ("A" if made["key"][-1] != "A" else "B")
    for wrong in (changed, "ibk_x", "ibk_" + "a" * 12 + "_" + "b" * 43):
        assert (await beside.get("/api/me", headers=bearer(wrong))).status_code == 401


class Times:
    """A clock and a time of day that tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=self.seconds)


async def stored(secret: FakeKeySecret, times: Times, **changed: Any) -> tuple[str, str]:
    facts: dict[str, Any] = {"created_by": None, "now": times.now(), "expires_at": None}
    key, text = new_key("ci", NAMESPACE, Scope.READ, **(facts | changed))
    await secret.put(key.id, key.model_dump_json(by_alias=True).encode())
    return key.id, text


async def test_a_key_ends_with_its_time() -> None:
    times, secret = Times(), FakeKeySecret()
    keyring = Keyring(secret, times.clock, times.now)
    _, text = await stored(secret, times, expires_at=times.now() + timedelta(seconds=60))

    times.seconds = 59
    assert (await keyring.find(text)).name == "ci"
    times.seconds = 60
    with pytest.raises(CredentialRefused, match="has expired"):
        await keyring.find(text)


async def test_another_replicas_changes_are_seen_soon() -> None:
    times, secret = Times(), FakeKeySecret()
    keyring = Keyring(secret, times.clock, times.now)
    id_, first = await stored(secret, times)
    await keyring.find(first)
    times.seconds = 2
    _, second = await stored(secret, times)
    assert (await keyring.find(second)).name == "ci"

    await secret.remove(id_)
    reads = secret.reads
    assert (await keyring.find(first)).name == "ci"
    assert secret.reads == reads
    times.seconds = 2 + FRESH_SECONDS
    with pytest.raises(CredentialRefused):
        await keyring.find(first)


async def test_guesses_do_not_read_the_secret_each_time() -> None:
    times, secret = Times(), FakeKeySecret()
    keyring = Keyring(secret, times.clock, times.now)
    for number in range(100):
        with pytest.raises(CredentialRefused):
            await keyring.find(f"ibk_{number:012}_" + "a" * 43)
    assert secret.reads == 1


async def test_keys_count_for_a_minute_while_the_api_server_is_away() -> None:
    times, secret = Times(), FakeKeySecret()
    keyring = Keyring(secret, times.clock, times.now)
    _, text = await stored(secret, times)
    await keyring.find(text)
    secret.fail = ClusterUnavailable("away", undecided=False)

    times.seconds = STALE_SECONDS
    assert (await keyring.find(text)).name == "ci"
    times.seconds = STALE_SECONDS + 1
    with pytest.raises(ClusterUnavailable):
        await keyring.find(text)


async def test_an_entry_that_cannot_be_read_does_not_end_the_others() -> None:
    times, secret = Times(), FakeKeySecret()
    keyring = Keyring(secret, times.clock, times.now)
    _, text = await stored(secret, times)
    await secret.put("broken", b"{")
    id_, moved = await stored(secret, times)
    await secret.put("a" * 12, secret.entries.pop(id_))

    assert (await keyring.find(text)).name == "ci"
    with pytest.raises(CredentialRefused):
        await keyring.find(moved)
