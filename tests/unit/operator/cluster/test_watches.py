"""The real Kopf, in its thread, against a server that answers as an API server does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from imagebatch_core.names import API_VERSION, GROUP, KIND, LABEL_BATCH_UID, PLURAL, VERSION
from imagebatch_operator.cluster import watches as module
from imagebatch_operator.cluster.watches import JOBS, PAGE, Watches
from unit.operator.builders import batch

VERBS = ["get", "list", "watch", "patch"]


class ApiServer:
    """Discovery, lists and watches; ``forbidden`` namespaces are refused as RBAC does."""

    def __init__(self) -> None:
        self.batches = [batch().named(f"b{number}").body() for number in range(3)]
        for number, body in enumerate(self.batches):
            body["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": str(number + 1)}
        self.forbidden: set[str] = set()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/api":
            return web.json_response({"versions": ["v1"]})
        if path == "/apis":
            groups = [_group(GROUP, VERSION), _group("batch", "v1")]
            return web.json_response({"groups": groups})
        if path == f"/apis/{API_VERSION}":
            return _resources(API_VERSION, PLURAL, "imagebatch", KIND)
        if path == "/apis/batch/v1":
            return _resources("batch/v1", JOBS, "job", "Job")
        if path == "/api/v1":
            return _resources("v1", "namespaces", "namespace", "Namespace")
        if any(f"/namespaces/{name}/" in path for name in self.forbidden):
            return web.json_response({"kind": "Status", "code": 403}, status=403)
        if path.endswith((PLURAL, JOBS)):
            return await self._objects(request)
        return web.json_response({"kind": "Status", "code": 404}, status=404)

    async def _objects(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.asked.append((request.path, query))
        if "watch" in query:
            stream = web.StreamResponse()
            await stream.prepare(request)
            if request.path.endswith(PLURAL):
                gone = {"type": "DELETED", "object": self.batches[0]}
                await stream.write(json.dumps(gone).encode() + b"\n")
            await asyncio.sleep(30)
            return stream
        items = self.batches if request.path.endswith(PLURAL) else []
        metadata = {"resourceVersion": "9"}
        return web.json_response({"kind": "List", "metadata": metadata, "items": items})


def _group(name: str, version: str) -> dict[str, Any]:
    version_of = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [version_of], "preferredVersion": version_of}


def _resources(group_version: str, plural: str, singular: str, kind: str) -> web.Response:
    resource = {
        "name": plural,
        "singularName": singular,
        "kind": kind,
        "namespaced": kind != "Namespace",
        "verbs": VERBS,
    }
    return web.json_response({"groupVersion": group_version, "resources": [resource]})


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    server = ApiServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kubeconfig = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [
            {"name": "here", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        ],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(path))
    yield server
    await runner.cleanup()


async def test_events_reach_the_loop_that_reconciles_and_the_api_server_filters_and_pages(
    server: ApiServer,
) -> None:
    events: asyncio.Queue[tuple[str, str | None, str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(kind: str, event: dict[str, Any]) -> None:
        assert asyncio.get_running_loop() is loop
        events.put_nowait((kind, event["type"], event["object"]["metadata"]["name"]))

    watches = Watches(tell)
    ended = watches.start(("shop",))
    seen = {await asyncio.wait_for(events.get(), 20) for _ in range(4)}
    await watches.stop()
    assert seen == {
        (PLURAL, None, "b0"), (PLURAL, None, "b1"), (PLURAL, None, "b2"), (PLURAL, "DELETED", "b0"),
    }  # fmt: skip
    assert ended.exception() is None
    jobs = [query for path, query in server.asked if path.endswith(JOBS)]
    assert {query["labelSelector"] for query in jobs} == {LABEL_BATCH_UID}
    lists = [query for _, query in server.asked if "watch" not in query]
    assert {query["limit"] for query in lists} == {str(PAGE)}
    assert all("labelSelector" not in q for path, q in server.asked if path.endswith(PLURAL))


@pytest.mark.slow
async def test_a_forbidden_namespace_ends_kopf_with_an_error_and_it_may_be_started_again(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = module.kopf_settings()
    settings.networking.error_backoffs = (0.1,)
    monkeypatch.setattr(module, "kopf_settings", lambda: settings)
    server.forbidden = {"gone"}
    events: asyncio.Queue[str] = asyncio.Queue()
    watches = Watches(lambda kind, _: events.put_nowait(kind))
    bystander = asyncio.create_task(asyncio.sleep(3600))
    ended = watches.start(("gone", "shop"))
    await asyncio.wait({ended}, timeout=20)
    assert "403" in repr(ended.exception())
    await watches.stop()
    while not events.empty():
        events.get_nowait()
    watches.start(("shop",))
    assert await asyncio.wait_for(events.get(), 20) == PLURAL
    await watches.stop()
    assert not bystander.done(), "Kopf cancels the tasks of its own loop only"
    bystander.cancel()


@pytest.mark.slow
async def test_kopf_that_is_asked_to_stop_before_it_began_ends(server: ApiServer) -> None:
    watches = Watches(lambda *_: None)
    ended = watches.start(("shop",))
    watches.ask_to_stop()
    await asyncio.wait_for(ended, 20)
