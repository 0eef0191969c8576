"""Claims about key pairs: an object is reached with that of the namespace that it belongs to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore, S3Store

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.history_keys import HistoryKeys
from imagebatch_core.keys import BatchKeys, upload_key, upload_prefix
from imagebatch_core.names import KEY_PAIR
from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.errors import ResultUnreadable
from imagebatch_gateway.backends.objects import LARGEST_DOCUMENT, Objects
from imagebatch_gateway.backends.stores import Stores, open_stores
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import CSV, NAMESPACE, UID, FakeBatches

ENV = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", KEY_PAIR[0]: "home", KEY_PAIR[1]: "secret"}


@pytest.fixture
def stores() -> Stores:
    others = {"press": MemoryStore(), "uploads": MemoryStore()}
    return Stores(MemoryStore(), others, "shop", "team/")


@pytest.mark.parametrize(
    ("key", "namespace"),
    [
        (f"team/{upload_key('press', UID, '00')}", "press"),
        (f"team/{upload_prefix('press')}", "press"),
        (HistoryKeys("press", "team/").pointer("shop"), "press"),
        (BatchKeys.of("press", UID, "team/").report_csv, "press"),
        (BatchKeys.of("press", UID, "earlier/prefix/").report_csv, "press"),
        (BatchKeys.of("uploads", UID, "team/").input, "uploads"),
        (f"team/{upload_key('shop', UID, '00')}", None),
        (BatchKeys.of("shop", UID, "team/").results, None),
        (BatchKeys.of("press-office", UID, "team/").input, None),
        (HistoryKeys("shop", "team/").pointer("press"), None),
    ],
)
def test_the_key_tells_whose_key_pair_opens_it(
    stores: Stores, key: str, namespace: str | None
) -> None:
    expected = stores.home if namespace is None else stores.others[namespace]
    assert stores.of(key) is expected


async def test_every_access_takes_the_store_of_its_key(stores: Stores) -> None:
    objects, press = Objects(stores), stores.others["press"]
    key = "team/press/uploads/1/a.csv"
    obstore.put(press, key, b"theirs")
    assert await objects.read(key) == b"theirs"
    assert await objects.size(key) == 6
    assert (await objects.stat(key)).size == 6
    assert await objects.read_piece(key, 2) == b"eirs"
    assert (await objects.read_range(key, 0, 3)).content == b"the"
    assert b"".join([chunk async for chunk in (await objects.open(key)).chunks]) == b"theirs"
    assert await objects.list_keys("team/press/", limit=9) == [key]
    assert await objects.list_after("team/press/", None, limit=9) == [key]
    versions = await objects.list_versions("team/press/", None, limit=9)
    assert [one.key for one in versions or []] == [key]
    await objects.check("team/press/", seconds=1)
    await objects.delete(key)
    assert obstore.list(press).collect() == []


async def test_an_upload_for_another_namespace_is_stored_with_its_key_pair(
    settings: Settings,
) -> None:
    home, press = MemoryStore(), MemoryStore()
    changed = settings.model_copy(update={"gateway_namespaces": ("press",)})
    batches = FakeBatches()
    batches.others = {"press": FakeBatches()}
    app = create_app(changed, Stores(home, {"press": press}, NAMESPACE), batches)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        for query in ("?namespace=press", ""):
            answer = await client.post(
                f"/api/upload{query}", files={"file": ("a.csv", CSV, "text/csv")}
            )
            assert answer.status_code == 200, answer.text

    def stored(store: ObjectStore) -> set[str]:
        return {item["path"].split("/")[0] for item in obstore.list(store).collect()}

    assert stored(press) == {"press"}
    assert stored(home) == {NAMESPACE}


def serving(*namespaces: str, keys: Path) -> Settings:
    return Settings(
        store="s3://pictures", namespace="shop", gateway_namespaces=namespaces, gateway_s3_keys=keys
    )


def test_each_namespace_with_a_folder_is_opened_with_the_key_pair_in_it(tmp_path: Path) -> None:
    (tmp_path / "press").mkdir()
    for name, half in zip(KEY_PAIR, ("press-id\n", "press-secret"), strict=True):
        (tmp_path / "press" / name).write_text(half)
    found = open_stores(serving("press", "studio", keys=tmp_path), ENV)
    assert set(found.others) == {"press"}
    signed = {}
    for name, store in (("home", found.home), ("press", found.others["press"])):
        assert isinstance(store, S3Store)
        signed[name] = obstore.sign(store, "GET", "a", timedelta(hours=1))
    assert "Credential=home%2F" in signed["home"]
    assert "Credential=press-id%2F" in signed["press"]


@pytest.mark.parametrize("half", ["", None])
def test_half_a_key_pair_is_refused_by_its_file(tmp_path: Path, half: str | None) -> None:
    (tmp_path / "press").mkdir()
    (tmp_path / "press" / KEY_PAIR[0]).write_text("id")
    if half is not None:
        (tmp_path / "press" / KEY_PAIR[1]).write_text(half)
    with pytest.raises(ConfigurationRefused, match=f"press/{KEY_PAIR[1]}"):
        open_stores(serving("press", keys=tmp_path), ENV)


async def test_a_document_that_is_too_large_is_not_read() -> None:
    """Who holds the key pair of one namespace must not fill the memory that serves all."""
    store = MemoryStore()
    obstore.put(store, "shop/plan.json", b"x" * 1001)
    objects = Objects(store)
    assert len(await objects.read("shop/plan.json", at_most=1001)) == 1001
    with pytest.raises(ResultUnreadable):
        await objects.read("shop/plan.json", at_most=1000)
    assert LARGEST_DOCUMENT < 128 * 1024 * 1024
