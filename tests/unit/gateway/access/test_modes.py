"""Who may call what, in each mode of sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from obstore.store import MemoryStore

from imagebatch_core import names
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import BatchKeys
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, action_of
from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.errors import ClusterUnavailable
from imagebatch_gateway.backends.reviews import Person
from imagebatch_gateway.requests import events
from imagebatch_gateway.routes import callers, pages
from imagebatch_gateway.routes.page_answers import own_form
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import CSV, NAMESPACE, UID, BatchBuilder, FakeBatches

MakeClient = Callable[..., httpx.AsyncClient]
ALICE = Person("alice", ("shop-team",))
BEARER = {"Authorization": "Bearer alices-token"}
SECRET = "a-secret-of-the-proxy"
PROXIED = {"X-ImageBatch-Proxy-Secret": SECRET, "X-Forwarded-User": "alice"}
READS = (f"list imagebatches {NAMESPACE}", f"get imagebatches {NAMESPACE}")
WRITES = tuple(f"{verb} imagebatches {NAMESPACE}" for verb in ("create", "patch", "delete"))


@pytest.fixture
def alice(batches: FakeBatches) -> FakeBatches:
    batches.reviews.tokens["alices-token"] = ALICE
    return batches


def routes_of(router: Any) -> list[APIRoute]:
    found = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif hasattr(route, "original_router"):
            found += routes_of(route.original_router)
    return found


def test_every_route_says_what_it_needs(settings: Settings, store: MemoryStore) -> None:
    app = create_app(settings, store, FakeBatches())
    routes = routes_of(app)

    paths = {route.path for route in routes}
    assert {"/api/upload", "/files/{key:path}", "/api/keys", "/healthz", "/"} <= paths
    for route in routes:
        assert isinstance(route, GuardedRoute), f"{route.path} has another route class"
    actions = {(m, r.path): action_of(r) for r in routes for m in r.methods}
    opened = {path for (_, path), action in actions.items() if action is Action.OPEN}
    assert not {path for path in opened if path.startswith(("/api/", "/files"))}
    forms = {r.path for r in routes if any(d.call is own_form for d in r.dependant.dependencies)}
    for (method, path), action in actions.items():
        # A page's form leads to a call of the API, which is judged.
        if method not in ("GET", "HEAD") and path not in forms:
            assert action.writes or action in (Action.KEYS, Action.SESSION), (method, path)


def test_a_route_without_a_need_is_no_route() -> None:
    async def endpoint() -> None:
        """Nothing."""

    with pytest.raises(TypeError, match="/api/new must say once what it needs"):
        GuardedRoute("/api/new", endpoint)
    assert callers.router.route_class is pages.router.route_class is GuardedRoute


async def test_without_sign_in_a_caller_may_read_and_write_and_owns_no_key(
    http: httpx.AsyncClient,
) -> None:
    assert (await http.get("/api/me")).json() == {
        "authMode": "none",
        "user": None,
        "kind": "anonymous",
        "namespace": NAMESPACE,
        "namespaces": [NAMESPACE],
        "mayRead": True,
        "mayWrite": True,
        "mayManageKeys": False,
    }
    assert (await http.get("/api/keys")).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, PROXIED])
async def test_kubernetes_asks_for_a_token(
    client_of: MakeClient, batches: FakeBatches, headers: dict[str, str]
) -> None:
    http = client_of(auth_mode="kubernetes")
    answer = await http.get("/api/requests", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["type"].endswith("credentials-missing")
    me = (await http.get("/api/me", headers=headers)).json()
    assert (me["user"], me["mayRead"], me["namespaces"]) == (None, False, [])
    assert (await http.get("/healthz")).status_code == 200


async def test_a_token_that_the_cluster_refuses_is_401(client_of: MakeClient) -> None:
    http = client_of(auth_mode="kubernetes")
    for path in ("/api/requests", "/api/me"):
        answer = await http.get(path, headers={"Authorization": "Bearer guessed"})
        assert answer.status_code == 401
        assert answer.json()["type"].endswith("credentials-refused")


async def test_each_verb_needs_its_own_right(
    client_of: MakeClient, alice: FakeBatches, batch: BatchBuilder
) -> None:
    http = client_of(auth_mode="kubernetes")
    alice.add(batch.build())
    one = "/api/requests/summer-2026"
    refused = await http.get(one, headers=BEARER)
    assert refused.status_code == 403
    assert refused.json()["message"] == "alice may not get imagebatches in the namespace 'shop'."
    # Whether there is such a request is nothing to tell.
    assert (await http.get("/api/requests/none", headers=BEARER)).json() == refused.json()

    http = client_of(auth_mode="kubernetes")
    alice.reviews.allow("shop-team", *READS)
    assert (await http.get(one, headers=BEARER)).status_code == 200
    assert (await http.get("/api/requests", headers=BEARER)).status_code == 200
    sent: dict[str, Any] = {"headers": BEARER, "json": {"cancel": True}}
    assert (await http.patch(one, **sent)).status_code == 403
    assert (await http.delete(one, headers=BEARER)).status_code == 403
    upload = await http.post("/api/upload", headers=BEARER, files={"file": ("a.csv", CSV)})
    assert upload.status_code == 403
    assert list(alice.stored) == ["summer-2026"]


async def test_writes_carry_the_callers_token_and_name(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    alice.reviews.allow("alice", *READS, *WRITES)
    made = await http.post("/api/upload", headers=BEARER, files={"file": ("a.csv", CSV)})

    assert made.status_code == 200, made.text
    name = made.json()["requestId"]
    assert alice.acting[-1] == "alices-token"
    assert alice.stored[name].annotations[names.ANNOTATION_CREATED_BY] == "alice"
    found = (await http.get(f"/api/requests/{name}", headers=BEARER)).json()
    assert found["createdBy"] == "alice"


async def test_an_upload_is_refused_before_its_body_is_read(client_of: MakeClient) -> None:
    http = client_of(auth_mode="kubernetes")

    async def body() -> Any:
        raise AssertionError("the body was read")
        yield b""

    answer = await http.post(
        "/api/upload", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 401


async def test_a_review_counts_for_a_minute_and_no_longer(
    settings: Settings, store: MemoryStore, alice: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("imagebatch_gateway.app.time.monotonic", lambda: now[0])
    app = create_app(settings.model_copy(update={"auth_mode": "kubernetes"}), store, alice)
    transport = httpx.ASGITransport(app)
    alice.reviews.allow("alice", *READS)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.get("/api/requests", headers=BEARER)).status_code == 200
        asked = alice.reviews.asked
        alice.reviews.rights.clear()
        now[0] += 59
        assert (await http.get("/api/requests", headers=BEARER)).status_code == 200
        assert alice.reviews.asked == asked
        now[0] += 1
        assert (await http.get("/api/requests", headers=BEARER)).status_code == 403
        del alice.reviews.tokens["alices-token"]
        now[0] += 60
        assert (await http.get("/api/requests", headers=BEARER)).status_code == 401
    await app.state.namespaces.close()


async def test_an_api_server_that_is_away_is_503_and_no_refusal(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    alice.reviews.fail = ClusterUnavailable("away", undecided=False)
    answer = await http.get("/api/requests", headers=BEARER)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_stream_of_events_ends_when_its_caller_is_not_allowed_any_more(
    client_of: MakeClient,
    alice: FakeBatches,
    batch: BatchBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)
    http = client_of(auth_mode="kubernetes", auth_review_seconds=0.05)
    alice.reviews.allow("alice", *READS)
    alice.add(batch.running(done=1, total=9).build())
    stream = asyncio.create_task(
        http.get("/api/requests/summer-2026/events", headers=BEARER, timeout=10)
    )
    while len(alice.asked) < 4:  # the check before the stream, and three looks
        assert not stream.done()
        await asyncio.sleep(0.01)
    alice.reviews.rights.clear()
    answer = await asyncio.wait_for(stream, 5)
    assert answer.text.count("event: status") == 1


async def test_a_proxy_is_believed_with_its_secret_only(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    http = client_of(auth_mode="proxy", auth_proxy_secret=SECRET)
    batches.reviews.allow("alice", *READS)

    assert (await http.get("/api/requests", headers=PROXIED)).status_code == 200
    for wrong in ("", "guess", SECRET + "x", "ü"):
        headers = {**PROXIED, "X-ImageBatch-Proxy-Secret": wrong}
        raw = [(k.encode(), v.encode()) for k, v in headers.items()]
        assert (await http.get("/api/requests", headers=raw)).status_code == 401
    without = {"X-ImageBatch-Proxy-Secret": SECRET}
    assert (await http.get("/api/requests", headers=without)).status_code == 401
    # A proxy may pass on the token that it signed the person in with.
    both = {**PROXIED, "Authorization": "Bearer of-the-proxy"}
    assert (await http.get("/api/me", headers=both)).json()["user"] == "alice"


async def test_groups_of_a_proxy_count_and_those_of_the_cluster_do_not(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    http = client_of(auth_mode="proxy", auth_proxy_secret=SECRET)
    batches.reviews.allow("team", *READS)
    batches.reviews.allow("system:masters", *READS, *WRITES)
    headers = {**PROXIED, "X-Forwarded-Groups": "others, team,system:masters"}
    me = (await http.get("/api/me", headers=headers)).json()

    assert (me["mayRead"], me["mayWrite"]) == (True, False)
    admin = {**PROXIED, "X-Forwarded-User": "system:admin"}
    assert (await http.get("/api/me", headers=admin)).status_code == 401


async def test_a_request_through_a_proxy_is_made_by_the_gateway_for_the_user(
    client_of: MakeClient, batches: FakeBatches
) -> None:
    http = client_of(auth_mode="proxy", auth_proxy_secret=SECRET)
    batches.reviews.allow("alice", *READS, *WRITES)
    made = await http.post("/api/upload", headers=PROXIED, files={"file": ("a.csv", CSV)})

    stored = batches.stored[made.json()["requestId"]]
    assert stored.annotations[names.ANNOTATION_CREATED_BY] == "alice"
    assert set(batches.acting) == {None}


@pytest.mark.parametrize("secret", [None, "short"])
def test_a_proxy_without_a_good_secret_ends_the_start(
    settings: Settings, store: MemoryStore, secret: str | None
) -> None:
    changed = settings.model_copy(update={"auth_mode": "proxy", "auth_proxy_secret": secret})
    with pytest.raises(ConfigurationRefused, match="at least 16 characters") as refused:
        create_app(changed, store, FakeBatches())
    assert secret is None or secret not in str(refused.value)


async def test_equal_idempotency_keys_of_two_callers_are_two_requests(
    client_of: MakeClient, alice: FakeBatches
) -> None:
    http = client_of(auth_mode="kubernetes")
    alice.reviews.tokens["bobs-token"] = Person("bob")
    for name in ("alice", "bob"):
        alice.reviews.allow(name, *READS, *WRITES)
    made = [
        await http.post(
            "/api/upload",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
            files={"file": ("a.csv", CSV)},
        )
        for token in ("alices-token", "bobs-token", "alices-token")
    ]
    ids = [answer.json()["requestId"] for answer in made]
    assert ids[0] == ids[2] != ids[1]


async def test_other_namespaces_are_those_of_the_settings_and_judged_each(
    client_of: MakeClient, alice: FakeBatches, batch: BatchBuilder
) -> None:
    http = client_of(auth_mode="kubernetes", gateway_namespaces=("bakery", "cafe"))
    alice.others = {"bakery": FakeBatches(), "cafe": FakeBatches()}
    alice.others["bakery"].add(batch.named("theirs").build())
    alice.reviews.allow("alice", *READS, "get imagebatches bakery", "list imagebatches bakery")

    assert (await http.get("/api/me", headers=BEARER)).json()["namespaces"] == ["shop", "bakery"]
    theirs = "/api/requests/theirs?namespace=bakery"
    assert (await http.get(theirs, headers=BEARER)).status_code == 200
    listed = (await http.get("/api/requests?namespace=bakery", headers=BEARER)).json()
    assert [item["requestId"] for item in listed["items"]] == ["theirs"]
    status = (await http.get(theirs, headers=BEARER)).json()["statusUrl"]
    assert status.endswith("/api/status/theirs?namespace=bakery")
    assert (await http.get("/api/requests/theirs", headers=BEARER)).status_code == 404
    assert (await http.get("/api/requests?namespace=cafe", headers=BEARER)).status_code == 403
    refused = await http.get("/api/requests?namespace=kube-system", headers=BEARER)
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("namespace-not-served")


async def test_images_need_a_right_only_where_they_are_guarded(
    client_of: MakeClient, alice: FakeBatches, store: MemoryStore
) -> None:
    key = BatchKeys.of("bakery", UID).image(1, 1, "0" * 64, "png")
    await store.put_async(key, b"png")
    open_ = client_of(auth_mode="kubernetes")
    assert (await open_.get(f"/files/{key}")).content == b"png"

    settings = {"auth_mode": "kubernetes", "auth_images": True, "gateway_namespaces": ("bakery",)}
    http = client_of(**settings)
    alice.reviews.allow("alice", *READS)
    assert (await http.get(f"/files/{key}")).status_code == 401
    assert (await http.get(f"/files/{key}", headers=BEARER)).status_code == 404
    assert (await http.head(f"/files/{key}", headers=BEARER)).status_code == 404
    forged = f"/files/{key}?namespace={NAMESPACE}"
    assert (await http.get(forged, headers=BEARER)).status_code == 404

    alice.reviews.allow("alice", "get imagebatches bakery")
    alice.others = {"bakery": FakeBatches()}
    http = client_of(**settings)
    found = await http.get(f"/files/{key}", headers=BEARER)
    assert found.content == b"png"
    assert found.headers["Cache-Control"].startswith("private")
