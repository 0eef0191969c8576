"""A gateway for two namespaces reaches each with its own key pair, on a real S3."""

from __future__ import annotations

import io
from pathlib import Path

import obstore
import pytest

from imagebatch_core.keys import upload_key
from imagebatch_core.names import KEY_PAIR
from imagebatch_gateway.backends.errors import StoreUnavailable
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.backends.stores import Stores, open_stores
from imagebatch_gateway.settings import Settings
from support.seaweedfs import BUCKET, SeaweedFS

SHOP, PRESS = upload_key("shop", "keys", "00"), upload_key("press", "keys", "00")


@pytest.fixture
def stores(s3: SeaweedFS, tmp_path: Path) -> Stores:
    env = s3.tenant_env("press")
    (tmp_path / "press").mkdir()
    for name in KEY_PAIR:
        (tmp_path / "press" / name).write_text(env[name])
    settings = Settings(
        store=f"s3://{BUCKET}",
        namespace="shop",
        gateway_namespaces=("press",),
        gateway_s3_keys=tmp_path,
    )
    return open_stores(settings, s3.tenant_env("shop"))


async def test_objects_of_both_are_written_listed_and_read(stores: Stores, s3: SeaweedFS) -> None:
    objects = Objects(stores)
    for key in (SHOP, PRESS):
        objects.put_file(key, io.BytesIO(key.encode()))
        assert await objects.read(key) == key.encode()
        assert await objects.list_keys(f"{key.rpartition('/')[0]}/", limit=9) == [key]
        assert bytes(obstore.get(s3.store(), key).bytes()) == key.encode()
        await objects.delete(key)


async def test_one_key_pair_for_both_is_not_enough(stores: Stores, s3: SeaweedFS) -> None:
    obstore.put(s3.store(), PRESS, b"theirs")
    with pytest.raises(StoreUnavailable):
        await Objects(stores.home).read(PRESS)
