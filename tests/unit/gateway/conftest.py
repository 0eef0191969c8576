from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_gateway.app import create_app
from imagebatch_gateway.settings import Settings
from unit.gateway.builders import NAMESPACE, BatchBuilder, FakeBatches


@pytest.fixture
def settings() -> Settings:
    return Settings(
        namespace=NAMESPACE,
        store="memory://",
        gateway_url="http://gateway.example",
        max_upload_bytes=1024 * 1024,
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def batches() -> FakeBatches:
    return FakeBatches()


@pytest.fixture
def batch() -> BatchBuilder:
    return BatchBuilder()


@pytest.fixture
async def http(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, store, batches)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
    await app.state.services.history.close()
