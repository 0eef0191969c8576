"""Sends what the status says is due, beside the workers: a slow receiver holds up no batch.

The event is in the status before it is sent. A process that dies between sending and recording
sends it once more, with the same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Conflict, Kube, KubeError, NotFound, batch_path
from imagebatch_operator.cluster.status_write import write_status
from imagebatch_operator.policies.webhook_retries import Attempt, after_attempt
from imagebatch_operator.settings import Settings

from .delivery import deliver
from .event import payload
from .secrets import signing_keys

#: Seconds after which a pass looks again, should an attempt end without a record.
LOOK_AGAIN: Final = 30.0
_AT_ONCE: Final = 32
_RECORD_TRIES: Final = 5
_log = logging.getLogger(__name__)


class Outbox:
    """At most one attempt of a batch at a time, and a bounded number over all of them."""

    def __init__(
        self, kube: Kube, cache: Cache, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}

    def send(self, batch: ImageBatch) -> None:
        """Start one attempt, unless one is under way."""
        if batch.uid in self._running:
            return
        task = asyncio.create_task(self._attempt(batch))
        self._running[batch.uid] = task
        task.add_done_callback(lambda done: self._ended(batch, done))

    async def idle(self) -> None:
        """Until no attempt is under way; raises what one of them raised."""
        while self._running:
            await asyncio.gather(*self._running.values())

    def _ended(self, batch: ImageBatch, task: asyncio.Task[None]) -> None:
        self._running.pop(batch.uid, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("batch %s/%s: webhook: %r", batch.namespace, batch.name, error)

    async def _attempt(self, batch: ImageBatch) -> None:
        hook, outbox = batch.spec.webhook, batch.status.webhook
        if hook is None or outbox is None:
            return
        url = self._settings.download_url(batch.namespace, batch.name)
        try:
            async with self._slots:
                keys = await signing_keys(batch, self._kube, self._settings)
                attempt = await deliver(
                    hook.url,
                    event_id=outbox.event_id,
                    body=payload(batch, url),
                    secrets=keys,
                    allow=self._settings.fetch_allow,
                    now=self._clock(),
                )
        except ConfigurationRefused as error:
            _log.warning("batch %s/%s: webhook: %s", batch.namespace, batch.name, error)
            attempt = Attempt(None, str(error), reason=Reason.SECRET_NOT_FOUND)
        except (KubeError, OSError) as error:
            # The secret could not be read this time: no attempt was made, none is counted.
            _log.warning("batch %s/%s: webhook: %s", batch.namespace, batch.name, error)
            return
        await self._record(batch, attempt)

    async def _record(self, batch: ImageBatch, attempt: Attempt) -> None:
        before = batch.status.webhook
        for _ in range(_RECORD_TRIES):
            status = after_attempt(batch, attempt, self._clock())
            try:
                await write_status(self._kube, self._cache, batch, status)
            except Conflict:
                # Somebody changed the spec meanwhile: the attempt was made all the same.
                path = batch_path(batch.namespace, batch.name)
                batch = ImageBatch.from_object(await self._kube.get(path))
                if batch.status.webhook != before:
                    return
            except NotFound:
                return
            else:
                return
