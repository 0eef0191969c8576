"""Who may do what, against an API server with RBAC: an attacker's calls among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import obstore
import pytest

from hosttools.ports import free_port
from imagebatch_core.keys import BatchKeys
from integration.gateway.access import ALL, READ, People, account, gateway_kubeconfig
from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import NAMESPACE, Cluster, Gateway
from support.seaweedfs import SeaweedFS

CSV = b"S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"
FILE = {"file": ("p.csv", CSV)}
OTHER = "bakery"
REVIEW_SECONDS = 2


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def people(cluster: Cluster) -> People:
    made = People(cluster)
    made.namespace(OTHER)
    return made


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster, people: People, tmp_path_factory: pytest.TempPathFactory) -> str:
    return gateway_kubeconfig(cluster, tmp_path_factory.mktemp("access"), OTHER)


@pytest.fixture(scope="module")
def gateway(make_gateway: GatewayMaker, kubeconfig: str) -> Gateway:
    started = make_gateway(
        KUBECONFIG=kubeconfig,
        IMAGEBATCH_AUTH_MODE="kubernetes",
        IMAGEBATCH_AUTH_REVIEW_SECONDS=str(REVIEW_SECONDS),
        IMAGEBATCH_GATEWAY_NAMESPACES=OTHER,
        IMAGEBATCH_LOG_LEVEL="debug",
    )
    started.start()
    return started


@pytest.fixture(scope="module")
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def alice(people: People) -> str:
    people.allow(account("alice"), NAMESPACE, *ALL)
    people.allow(account("alice"), NAMESPACE, "update", resource="secrets")
    return people.token("alice")


@pytest.fixture(scope="module")
def mallory(people: People) -> str:
    """May do everything in the other namespace."""
    people.allow(account("mallory", OTHER), OTHER, *ALL)
    return people.token("mallory", OTHER)


@pytest.fixture(scope="module")
def request_id(http: httpx.Client, alice: str) -> str:
    made = http.post("/api/upload", headers=bearer(alice), files=FILE)
    assert made.status_code == 200, made.text
    name: str = made.json()["requestId"]
    return name


def keys_in(s3: SeaweedFS) -> list[str]:
    return sorted(item["path"] for item in obstore.list(s3.store()).collect())


def soon(call: Callable[[], httpx.Response], status: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (answer := call()).status_code != status:
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)


def test_a_request_is_made_with_the_callers_own_rights(
    http: httpx.Client, cluster: Cluster, alice: str, request_id: str
) -> None:
    annotations = cluster.get(request_id)["metadata"]["annotations"]
    assert annotations["imagebatch.dev/created-by"] == account("alice")
    me = http.get("/api/me", headers=bearer(alice)).json()
    assert (me["user"], me["namespaces"]) == (account("alice"), [NAMESPACE])
    assert [me[right] for right in ("mayRead", "mayWrite", "mayManageKeys")] == [True] * 3


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/status/{id}"),
        ("GET", "/status/{id}"),
        ("GET", "/api/download/{id}"),
        ("GET", "/api/download/{id}?format=zip"),
        ("HEAD", "/download/{id}"),
        ("GET", "/api/products/{id}"),
        ("GET", "/api/products/{id}?cursor=1-1"),
        ("GET", "/api/requests/{id}"),
        ("GET", "/api/requests/{id}/images?cursor=1-1-0"),
        ("GET", "/api/requests/{id}/failures"),
        ("GET", "/api/requests/{id}/events"),
        ("GET", "/api/requests/{id}/webhook"),
        ("POST", "/api/requests/{id}/webhook/replay"),
        ("POST", "/api/requests/{id}/retry"),
        ("GET", "/api/requests/{id}/previews"),
        ("GET", "/api/requests/{id}/sources/1-1.png"),
        ("PATCH", "/api/requests/{id}"),
        ("DELETE", "/api/requests/{id}"),
        ("GET", "/api/requests"),
    ],
)
def test_requests_of_another_namespace_cannot_be_reached(
    http: httpx.Client, mallory: str, request_id: str, *, method: str, path: str
) -> None:
    called = path.replace("{id}", request_id)
    bodies = {"PATCH": {"cancel": True}, "POST": {"only": "failed"}}
    sent: dict[str, Any] = {"json": bodies[method]} if method in bodies else {}
    direct = http.request(method, called, headers=bearer(mallory), **sent)
    assert direct.status_code == 403
    mark = "&" if "?" in called else "?"
    own = http.request(method, f"{called}{mark}namespace={OTHER}", headers=bearer(mallory), **sent)
    if path == "/api/requests":
        assert own.json()["items"] == []
    else:
        assert own.status_code == 404
    assert http.request(method, called, **sent).status_code == 401


def test_another_namespaces_request_cannot_be_retried_or_reused(
    http: httpx.Client, mallory: str, request_id: str
) -> None:
    retry = {"source": {"retryOf": {"name": request_id}}}
    answer = http.post(f"/api/requests?namespace={OTHER}", headers=bearer(mallory), json=retry)
    assert answer.status_code in (404, 422), answer.text
    answer = http.post(
        f"/api/upload?namespace={OTHER}",
        headers=bearer(mallory),
        files=FILE,
        data={"reuseFrom": request_id},
    )
    assert answer.status_code == 422
    assert "there is no request" in answer.json()["message"]


def test_a_removed_rolebinding_and_a_deleted_account_are_gone_when_their_reviews_are(
    http: httpx.Client, people: People
) -> None:
    token = people.token("bob")
    binding = people.allow(account("bob"), NAMESPACE, *READ)
    headers = bearer(token)
    assert http.get("/api/requests", headers=headers).status_code == 200

    people.forbid(binding)
    soon(lambda: http.get("/api/requests", headers=headers), 403, REVIEW_SECONDS + 1)
    people.delete("bob")
    soon(lambda: http.get("/api/requests", headers=headers), 401, REVIEW_SECONDS + 10)


def test_a_write_is_judged_by_the_cluster_at_once_and_leaves_nothing(
    http: httpx.Client, people: People, s3: SeaweedFS
) -> None:
    token = people.token("carol")
    people.allow(account("carol"), NAMESPACE, *READ)
    binding = people.allow(account("carol"), NAMESPACE, "create")
    headers = bearer(token)
    assert http.post("/api/validate", headers=headers, files=FILE).status_code == 200
    before = keys_in(s3)
    people.forbid(binding)
    # The review of this right is still remembered.
    refused = http.post("/api/upload", headers=headers, files=FILE)

    assert refused.status_code == 403, refused.text
    assert keys_in(s3) == before


def test_a_key_is_made_used_and_revoked_across_replicas(
    http: httpx.Client,
    make_gateway: GatewayMaker,
    *,
    kubeconfig: str,
    cluster: Cluster,
    alice: str,
    request_id: str,
) -> None:
    sent: dict[str, Any] = {"json": {"name": "shop", "scope": "write"}, "headers": bearer(alice)}
    made = http.post("/api/keys", **sent)
    assert made.status_code == 201, made.text
    key, id_ = made.json()["key"], made.json()["id"]
    secret = cluster.kubectl("get", "secret", "imagebatch-api-keys", "-o", "json")
    assert id_ in secret
    assert key.split("_", 2)[2] not in secret

    replica = make_gateway(KUBECONFIG=kubeconfig, IMAGEBATCH_GATEWAY_NAMESPACES=OTHER)
    replica.start()
    with httpx.Client(base_url=replica.url, headers=bearer(key), timeout=60) as other:
        assert other.get(f"/api/requests/{request_id}").status_code == 200
        upload = other.post("/api/upload", files=FILE)
        assert upload.status_code == 200
        annotations = cluster.get(upload.json()["requestId"])["metadata"]["annotations"]
        assert annotations["imagebatch.dev/created-by"] == "key:shop"
        assert other.get(f"/api/requests?namespace={OTHER}").status_code == 403

        assert http.delete(f"/api/keys/{id_}", headers=bearer(alice)).status_code == 204
        assert http.get("/api/me", headers=bearer(key)).status_code == 401
        soon(lambda: other.get("/api/me"), 401, 12)


def test_a_proxys_people_are_judged_by_rbac(
    make_gateway: GatewayMaker, kubeconfig: str, people: People
) -> None:
    people.allow("dave@example.com", NAMESPACE, *READ)
    secret = "shared-with-the-proxy"
    gateway = make_gateway(
        KUBECONFIG=kubeconfig,
        IMAGEBATCH_AUTH_MODE="proxy",
        IMAGEBATCH_AUTH_PROXY_SECRET=secret,
    )
    gateway.start()
    headers = {"X-ImageBatch-Proxy-Secret": secret, "X-Forwarded-User": "dave@example.com"}
    with httpx.Client(base_url=gateway.url, timeout=60) as http:
        assert http.get("/api/requests", headers=headers).status_code == 200
        assert http.post("/api/upload", headers=headers, files=FILE).status_code == 403
        wrong = {**headers, "X-ImageBatch-Proxy-Secret": "guessed"}
        assert http.get("/api/requests", headers=wrong).status_code == 401
    assert secret not in gateway.log()


def test_a_session_holds_at_both_replicas_and_after_a_restart(
    make_gateway: GatewayMaker, kubeconfig: str, alice: str
) -> None:
    environment = {
        "KUBECONFIG": kubeconfig,
        "IMAGEBATCH_AUTH_MODE": "kubernetes",
        "IMAGEBATCH_AUTH_SESSION_KEYS": "k" * 40,
    }
    first, second = make_gateway(**environment), make_gateway(**environment)
    first.start()
    second.start()
    with httpx.Client(timeout=60) as browser:
        signed_in = browser.post(f"{first.url}/api/session", json={"token": alice})
        assert signed_in.json()["user"] == account("alice")
        written = {"Sec-Fetch-Site": "same-origin"}
        made = browser.post(f"{second.url}/api/upload", files=FILE, headers=written)
        assert made.status_code == 200, made.text
        first.terminate()
        first.start()
        assert browser.get(f"{first.url}/api/me").json()["user"] == account("alice")
        browser.delete(f"{first.url}/api/session")
        assert browser.get(f"{second.url}/api/requests").status_code == 401
    for gateway in (first, second):
        assert alice not in gateway.log()


def test_an_image_needs_the_right_to_read_requests_of_its_namespace(
    make_gateway: GatewayMaker,
    *,
    kubeconfig: str,
    people: People,
    s3: SeaweedFS,
    alice: str,
    mallory: str,
) -> None:
    key = BatchKeys.of(OTHER, str(uuid4())).image(1, 1, "0" * 64, "png")
    obstore.put(s3.store(), key, b"png")
    gateway = make_gateway(
        KUBECONFIG=kubeconfig,
        IMAGEBATCH_AUTH_MODE="kubernetes",
        IMAGEBATCH_AUTH_REVIEW_SECONDS=str(REVIEW_SECONDS),
        IMAGEBATCH_AUTH_IMAGES="true",
        IMAGEBATCH_GATEWAY_NAMESPACES=OTHER,
    )
    gateway.start()
    with httpx.Client(base_url=gateway.url, timeout=60) as http:
        path = f"/files/{key}"
        assert http.get(path).status_code == 401
        assert http.get(path, headers=bearer("made.up.token")).status_code == 401
        # To whom the image's namespace is closed, it does not exist, whatever namespace is named.
        for method in ("GET", "HEAD"):
            assert http.request(method, path, headers=bearer(alice)).status_code == 404
        assert http.get(f"{path}?namespace={NAMESPACE}", headers=bearer(alice)).status_code == 404

        found = http.get(path, headers=bearer(mallory))
        assert found.content == b"png"
        assert found.headers["Cache-Control"].startswith("private")
        part = http.get(path, headers={**bearer(mallory), "Range": "bytes=1-1"})
        assert (part.status_code, part.content) == (206, b"n")

        binding = people.allow(account("alice"), OTHER, *READ)
        soon(lambda: http.get(path, headers=bearer(alice)), 200, REVIEW_SECONDS + 5)
        people.forbid(binding, OTHER)
        soon(lambda: http.get(path, headers=bearer(alice)), 404, REVIEW_SECONDS + 5)


def test_metrics_are_on_a_port_of_their_own(make_gateway: GatewayMaker, kubeconfig: str) -> None:
    port = free_port()
    gateway = make_gateway(KUBECONFIG=kubeconfig, IMAGEBATCH_METRICS_PORT=str(port))
    gateway.start()
    assert httpx.get(f"{gateway.url}/api/requests").status_code == 200
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'requests_total{code="200",method="GET",route="/api/requests"} 1.0' in text
    assert httpx.get(f"{gateway.url}/metrics").status_code == 404


def test_no_token_and_no_key_is_in_the_log(
    gateway: Gateway, http: httpx.Client, alice: str, mallory: str, request_id: str
) -> None:
    made = http.post("/api/keys", headers=bearer(alice), json={"name": "log"}).json()
    assert http.get("/api/me", headers=bearer(made["key"])).status_code == 200
    http.get("/api/me", headers=bearer(made["key"][:-2] + "xx"))
    http.get("/api/me", headers=bearer("guessed-token-of-nobody"))
    http.get(f"/api/status/{request_id}", headers=bearer(mallory))

    log = gateway.log()
    assert "/api/keys" in log
    for token in (alice, mallory, made["key"].split("_", 2)[2], "guessed-token-of-nobody"):
        assert token not in log
