"""Kopf's side: events only put keys into the queue; the rest is level-triggered.

No handler here makes Kopf write anything to a resource: `on.event` needs no finalizer and stores
no progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from imagebatch_core.names import GROUP, LABEL_BATCH_UID, PLURAL, VERSION

from .cache import Cache
from .work_queue import WorkQueue

_DELETED = "DELETED"


def register(
    registry: kopf.OperatorRegistry, cache: Cache, queue: WorkQueue, probe: Callable[[], str]
) -> None:
    """``probe`` returns a word on health, or raises when the process should be restarted."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def batch_changed(event: Any, **_: Any) -> None:
        body = event["object"]
        if event["type"] == _DELETED:
            cache.drop_batch(body)
        else:
            queue.add(cache.put_batch(body))

    @kopf.on.event("batch", "v1", "jobs", labels={LABEL_BATCH_UID: kopf.PRESENT}, registry=registry)
    async def job_changed(event: Any, **_: Any) -> None:
        body = event["object"]
        key = cache.drop_job(body) if event["type"] == _DELETED else cache.put_job(body)
        if key is not None:
            queue.add(key)

    @kopf.on.probe(id="reconciling", registry=registry)
    async def reconciling(**_: Any) -> str:
        return probe()


def kopf_settings() -> kopf.OperatorSettings:
    """Time limits on everything that watches, and nothing posted or patched on Kopf's own."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 10
    return settings
