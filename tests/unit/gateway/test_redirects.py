"""Claims about redirects to the object store. obstore's own signatures are the yardstick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import BatchKeys
from imagebatch_core.names import KEY_PAIR
from imagebatch_core.store import open_store
from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.presigned import Bucket, KeyPair, presigned_url
from imagebatch_gateway.backends.stores import Redirects, Stores, open_stores
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import NAMESPACE, UID, BatchBuilder, FakeBatches

PAIR = KeyPair("access", "secret")
ENV = {KEY_PAIR[0]: "access", KEY_PAIR[1]: "secret", "AWS_REGION": "eu-west-1"}
KEYS = BatchKeys.of(NAMESPACE, UID)
SHA = "ab" * 32
IMAGE_KEY = KEYS.image(1, 1, SHA, "jpg")
STORE = "https://s3.example.com"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:8333", f"{STORE}:9000/"])
@pytest.mark.parametrize("token", [None, "tok/en+="])
@pytest.mark.parametrize("key", ["shop/a.jpg", "prefix/shop/ä b+c=(1),~'.csv"])
def test_a_url_is_signed_as_obstore_signs_it(
    method: str, endpoint: str | None, token: str | None, key: str
) -> None:
    env = ENV | ({"AWS_ENDPOINT_URL": endpoint.rstrip("/")} if endpoint else {})
    env |= {"AWS_SESSION_TOKEN": token} if token else {}
    wanted = obstore.sign(open_store("s3://pictures", env), method, key, timedelta(seconds=60))  # type: ignore[call-overload]
    query = {name: one for name, (one,) in parse_qs(urlsplit(wanted).query).items()}
    found = presigned_url(
        Bucket("pictures", "eu-west-1", endpoint),
        key,
        KeyPair("access", "secret", token),
        method=method,
        seconds=60,
        now=datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
        headers={},
    )

    assert urlsplit(found).netloc == urlsplit(wanted).netloc
    assert {name: one for name, (one,) in parse_qs(urlsplit(found).query).items()} == query


@pytest.mark.parametrize("spelt", ["https://S3.Example.com", f"{STORE}:443", f"{STORE}:443/"])
def test_a_url_is_signed_for_the_host_header_that_clients_send(spelt: str) -> None:
    """In lower case, without the port that the scheme implies."""

    def signed(endpoint: str) -> str:
        return presigned_url(
            Bucket("pictures", "eu-west-1", endpoint),
            "shop/a.jpg",
            KeyPair("access", "secret", None),
            method="GET",
            seconds=60,
            now=datetime(2026, 1, 2, tzinfo=UTC),
            headers={},
        )

    assert signed(spelt) == signed(STORE)


@pytest.fixture
def redirecting(store: MemoryStore, batches: FakeBatches) -> httpx.AsyncClient:
    from types import SimpleNamespace

    stores = Stores(
        store,
        namespace=NAMESPACE,
        redirects=Redirects(Bucket("pictures", "eu-west-1", STORE), 120, PAIR),
    )
    settings = Settings(namespace=NAMESPACE, store="s3://pictures")
    cluster = SimpleNamespace(reviews=None, key_secret=None, batches=lambda *_: batches)
    app = create_app(settings, stores, cluster)  # type: ignore[arg-type]
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080"
    )


def asked_of_the_store(answer: httpx.Response) -> dict[str, str]:
    """The query of the URL to which a response redirects."""
    assert answer.status_code == 307
    assert answer.headers["cache-control"] == "no-store"
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["X-Amz-Expires"] == ["120"]
    return {name: one for name, (one,) in query.items() if name.startswith("response-")}


async def test_a_download_is_a_redirect_under_the_files_name(
    redirecting: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_csv, b"a")
    answer = await redirecting.get("/api/download/summer-2026")

    assert answer.headers["location"].startswith(f"{STORE}/pictures/{KEYS.report_csv}?")
    assert asked_of_the_store(answer) == {
        "response-cache-control": "no-cache",
        "response-content-disposition": 'attachment; filename="summer-2026.csv"',
        "response-content-type": "text/csv; charset=utf-8",
    }


async def test_an_image_is_a_redirect_for_get_and_head(
    redirecting: httpx.AsyncClient, store: MemoryStore
) -> None:
    obstore.put(store, IMAGE_KEY, b"image")
    signatures = set()
    for method in ("GET", "HEAD"):
        answer = await redirecting.request(method, f"/files/{IMAGE_KEY}")
        assert asked_of_the_store(answer)["response-content-type"] == "image/jpeg"
        signatures.add(answer.headers["location"].rpartition("=")[2])
    assert len(signatures) == 2


async def test_a_copy_that_is_current_needs_no_redirect(
    redirecting: httpx.AsyncClient, store: MemoryStore
) -> None:
    obstore.put(store, IMAGE_KEY, b"image")
    answer = await redirecting.get(f"/files/{IMAGE_KEY}", headers={"If-None-Match": f'"{SHA}"'})

    assert answer.status_code == 304


async def test_what_is_missing_or_not_yet_there_is_refused_by_the_gateway(
    redirecting: httpx.AsyncClient, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.build())
    batches.add(batch.named("gone").completed(succeeded=1).reported().build())
    for path, status in [
        (f"/files/{IMAGE_KEY}", 404),
        ("/files/shop/secret.csv", 404),
        ("/download/summer-2026", 409),
        ("/download/gone", 410),
    ]:
        assert (await redirecting.get(path)).status_code == status


async def test_archives_and_failed_rows_are_sent_by_the_gateway(
    redirecting: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, batch: BatchBuilder
) -> None:
    batches.add(batch.completed(succeeded=1).reported().build())
    obstore.put(store, KEYS.report_jsonl, b"")
    answer = await redirecting.head("/download/summer-2026?format=zip")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")


async def test_a_page_may_show_images_of_the_store(redirecting: httpx.AsyncClient) -> None:
    policy = (await redirecting.get("/")).headers["content-security-policy"]

    assert f"img-src 'self' {STORE};" in policy


def test_each_namespace_signs_with_its_own_key_pair() -> None:
    others = {"press": MemoryStore()}
    redirects = Redirects(Bucket("b", "r", STORE), 60, PAIR, {"press": KeyPair("press", "secret")})
    stores = Stores(MemoryStore(), others, "shop", "", redirects)
    for namespace, name in [("press", "press"), ("shop", "access"), ("other", "access")]:
        url = stores.signed_url(BatchKeys.of(namespace, UID).report_csv, "GET", {})
        assert f"X-Amz-Credential={name}%2F" in str(url)


@pytest.mark.parametrize("env", [{}, {"AWS_REGION": "eu-west-1"}])
def test_redirects_need_a_key_pair(env: dict[str, str]) -> None:
    settings = Settings(namespace="shop", store="s3://pictures", files_redirect=True)

    with pytest.raises(ConfigurationRefused, match="AWS_ACCESS_KEY_ID"):
        open_stores(settings, env)


def test_callers_are_sent_to_the_address_of_the_settings_before_the_gateways_own() -> None:
    env = ENV | {"AWS_ENDPOINT_URL": "http://s3.internal"}
    own = Settings(namespace="shop", store="s3://pictures", files_redirect=True)
    other = own.model_copy(update={"files_redirect_endpoint": STORE})

    assert str(open_stores(own, env).signed_url("k", "GET", {})).startswith("http://s3.internal/")
    assert str(open_stores(other, env).signed_url("k", "GET", {})).startswith(f"{STORE}/pictures/k")
    assert open_stores(own.model_copy(update={"files_redirect": False}), env).redirects is None
