"""Send the webhook events that are due by the status, in tasks of their own.

The event is in the status before it is sent. If the process dies between sending and recording, its
successor sends the event once more with the same id. If the process lives but cannot record an
attempt, it records the attempt later instead of sending again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from pydantic import ValidationError

from imagebatch_core.egress import size_lookup_threads
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import Webhook
from imagebatch_core.webhook_status import WebhookStatus
from imagebatch_operator import metrics
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Conflict, Kube, KubeError, NotFound, batch_path
from imagebatch_operator.cluster.status_write import write_status
from imagebatch_operator.policies.webhook_retries import Attempt, after_attempt, digest
from imagebatch_operator.settings import Settings

from .delivery import Deliver, deliver
from .event import payload
from .secrets import signing_keys

#: Seconds until a pass checks whether an attempt that was just started is recorded.
_LOOK_AGAIN: Final = 30.0
#: The same for an attempt that an earlier pass started and that still runs.
_LOOK_AGAIN_LATER: Final = 300.0
#: Attempts that run at the same time, in total and to one host. A host that does not respond blocks
#: an attempt for 20 s; the limit per host prevents it from blocking attempts to other hosts.
_AT_ONCE: Final = 32
_AT_ONCE_PER_HOST: Final = 4
#: Threads for name look-ups. If the name server is silent, an attempt stops waiting for its look-up
#: long before the look-up releases its thread.
_LOOKUP_THREADS: Final = 6 * _AT_ONCE
_RECORD_TRIES: Final = 5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    """A running attempt. ``sending`` is True once it no longer waits for a slot.

    ``outbox`` is what the status said of the event when the attempt began.
    """

    receiver: Webhook | None
    outbox: WebhookStatus | None
    sending: bool = False
    task: asyncio.Task[None] = field(init=False)


class Outbox:
    """Sends webhooks: one attempt per batch at a time, and a limited number in all and per host.

    Create it in the running loop: it gives that loop the threads that name look-ups need.
    """

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        settings: Settings,
        clock: Callable[[], datetime],
        deliver: Deliver = deliver,
    ) -> None:
        size_lookup_threads(_LOOKUP_THREADS)
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._deliver_once = deliver
        self._slots = asyncio.Semaphore(_AT_ONCE)
        #: A host's entry lives while an attempt to it waits or runs.
        self._host_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._running: dict[str, _Running] = {}
        #: By the batch's uid: event id and result of an attempt that is not in the status yet.
        self._unrecorded: dict[str, tuple[str, Attempt]] = {}

    def send(self, batch: ImageBatch) -> float:
        """Start one attempt unless one is running; return the seconds until the next pass."""
        before = self._running.get(batch.uid)
        if before is not None:
            if (before.receiver, before.outbox) == (batch.spec.webhook, batch.status.webhook):
                return _LOOK_AGAIN_LATER
            if before.sending:
                return _LOOK_AGAIN
            # The earlier attempt still waits for a slot, for another receiver or another event.
            before.task.cancel()
        running = self._running[batch.uid] = _Running(batch.spec.webhook, batch.status.webhook)
        running.task = asyncio.create_task(self._attempt(batch, running))
        running.task.add_done_callback(lambda done: self._ended(batch, running, done))
        return _LOOK_AGAIN

    async def idle(self) -> None:
        """Wait until no attempt is running. Raises the error of a failed one."""
        while self._running:
            await asyncio.gather(*(running.task for running in self._running.values()))

    def _ended(self, batch: ImageBatch, running: _Running, task: asyncio.Task[None]) -> None:
        if self._running.get(batch.uid) is running:
            del self._running[batch.uid]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("batch %s/%s: webhook: %r", batch.namespace, batch.name, error)

    async def _attempt(self, batch: ImageBatch, running: _Running) -> None:
        outbox = batch.status.webhook
        if batch.spec.webhook is None or outbox is None:
            return
        event_id, attempt = self._unrecorded.get(batch.uid, ("", None))
        if attempt is not None and event_id == outbox.event_id:
            running.sending = True  # it was sent before
        else:
            made = await self._deliver(batch, running, batch.spec.webhook.url, outbox.event_id)
            if made is None:
                return
            metrics.count_attempt(
                made.code, delivered=made.delivered, refused=made.reason is not None
            )
            attempt = replace(made, target=digest(batch.spec.webhook))
            self._unrecorded[batch.uid] = (outbox.event_id, attempt)
        try:
            await self._record(batch, attempt)
        except KubeError as error:
            _log.warning(
                "batch %s/%s: a webhook attempt is recorded later: %s",
                batch.namespace, batch.name, error,
            )  # fmt: skip
            return
        del self._unrecorded[batch.uid]

    async def _deliver(
        self, batch: ImageBatch, running: _Running, url: str, event_id: str
    ) -> Attempt | None:
        """Send the event and return the attempt; ``None`` if nothing was sent.

        Nothing is sent when the API server does not return the signing secret, or the receiver was
        changed or removed while the attempt waited for a slot.
        """
        try:
            async with self._slot(url):
                if self._receiver_now(batch) != running.receiver:
                    return None
                running.sending = True
                attempt = await self._deliver_once(
                    url,
                    event_id=event_id,
                    body=payload(batch, self._settings.download_url(batch.namespace, batch.name)),
                    secrets=await signing_keys(batch, self._kube, self._settings),
                    rules=self._settings.egress_rules,
                    now=self._clock(),
                )
        except ConfigurationRefused as error:
            attempt = Attempt(None, str(error), reason=Reason.SECRET_NOT_FOUND)
        except KubeError as error:
            _log.warning("batch %s/%s: webhook: %s", batch.namespace, batch.name, error)
            return None
        return attempt

    def _receiver_now(self, batch: ImageBatch) -> Webhook | None:
        """Return the current ``spec.webhook``: the attempt may have waited for long."""
        body = self._cache.batch((batch.namespace, batch.name))
        if body is None or body["metadata"]["uid"] != batch.uid:
            return batch.spec.webhook
        try:
            return ImageBatch.from_object(body).spec.webhook
        except ValidationError:
            return None  # no webhook is sent for a batch that cannot be read

    @asynccontextmanager
    async def _slot(self, url: str) -> AsyncIterator[None]:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
        of_host = self._host_slots.setdefault(host, asyncio.Semaphore(_AT_ONCE_PER_HOST))
        async with of_host, self._slots:
            yield

    async def _record(self, batch: ImageBatch, attempt: Attempt) -> None:
        """Record an attempt in the status.

        Raises:
            KubeError: the API server refuses the status, or does not respond.
        """
        before = batch.status.webhook
        for _ in range(_RECORD_TRIES):
            status = after_attempt(batch, attempt, self._clock())
            try:
                await write_status(self._kube, self._cache, batch, status, self._clock())
                return
            except NotFound:
                return
            except Conflict:
                # Somebody changed the batch meanwhile. The attempt was made, so it is recorded.
                path = batch_path(batch.namespace, batch.name)
                try:
                    batch = ImageBatch.from_object(await self._kube.get(path))
                except NotFound:
                    return
                if batch.status.webhook != before:
                    return
        raise Conflict(f"the status of {batch.namespace}/{batch.name} changes all the time")
