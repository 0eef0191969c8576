from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

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
        gateway_hosts=("testserver",),
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
async def client_of(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """``client_of(auth_mode="kubernetes")``: a client of a gateway with other settings."""
    async with AsyncExitStack() as stack:

        def make(**changed: Any) -> httpx.AsyncClient:
            app = create_app(settings.model_copy(update=changed), store, batches)
            stack.push_async_callback(app.state.namespaces.close)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
async def http(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, store, batches)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
    await app.state.services.history.close()
