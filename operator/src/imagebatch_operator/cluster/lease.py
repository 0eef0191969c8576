"""Leader election: only the operator that holds the Lease watches and writes.

The elector of the client library fails on its own models (kubernetes 37: `pretty` must be a
string), so this is own code. The rule is client-go's: a holder counts as dead when its record did
not change for the Lease's duration by the observer's clock. So the clocks of two nodes need not
agree.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from .client import AlreadyExists, Conflict, Kube, KubeError, NotFound
from .health import Health

LEASE: Final = "imagebatch-operator"
LEASE_SECONDS: Final = 15
RENEW_DEADLINE: Final = 10.0
RETRY_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The Lease was not renewed in time; another operator may hold it."""


class Lease:
    """This process's view of the Lease: who holds it, when it last changed, until when it is
    ours."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        identity: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._identity = identity
        self._monotonic = monotonic
        self._seen: tuple[str, float] = ("", 0.0)
        self._held_until = float("-inf")
        self.holder = ""

    @property
    def held(self) -> bool:
        """Whether the Lease cannot have expired yet. A process that was paused asks this before it
        writes."""
        return self._monotonic() < self._held_until

    async def acquire_or_renew(self) -> bool:
        """Acquire or renew the Lease, and return whether this process holds it now.

        Raises:
            KubeError: the API server does not respond.
        """
        asked = self._monotonic()
        if not await self._acquire_or_renew():
            if self.holder != self._identity:
                self._held_until = float("-inf")
            return False
        self.holder = self._identity
        self._held_until = asked + LEASE_SECONDS
        return True

    async def _acquire_or_renew(self) -> bool:
        try:
            lease = await self._kube.get(f"{self._path}/{LEASE}")
        except NotFound:
            return await self._create()
        version = str(lease["metadata"]["resourceVersion"])
        if version != self._seen[0]:
            self._seen = (version, self._monotonic())
        # Somebody may have made the Lease by hand, without any field.
        record = lease.get("spec") or {}
        self.holder = record.get("holderIdentity") or ""
        fresh = self._monotonic() - self._seen[1] < LEASE_SECONDS
        if self.holder and self.holder != self._identity and fresh:
            return False
        taken = self.holder != self._identity
        spec = self._spec(taken, int(record.get("leaseTransitions") or 0))
        patch = {"metadata": {"resourceVersion": version}, "spec": spec}
        try:
            await self._kube.patch(f"{self._path}/{LEASE}", patch)
        except Conflict:
            return False
        return True

    async def release(self) -> None:
        """Give the Lease back, so that another operator need not wait until it expires."""
        self._held_until = float("-inf")
        lease = await self._kube.get(f"{self._path}/{LEASE}")
        if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
            version = lease["metadata"]["resourceVersion"]
            patch = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}
            await self._kube.patch(f"{self._path}/{LEASE}", patch)

    async def _create(self) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE},
            "spec": self._spec(True, -1),
        }
        try:
            await self._kube.create(self._path, body)
        except AlreadyExists:
            return False
        return True

    def _spec(self, taken: bool, transitions: int) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
        }
        return {
            **spec,
            **({"acquireTime": now, "leaseTransitions": transitions + 1} if taken else {}),
        }


def new_identity() -> str:
    """Return an identity that is unique to this process, for the Lease's ``holderIdentity``.

    The host's name alone is not enough: two processes on one machine, or in its host network, have
    the same name and would both hold the Lease.
    """
    return f"{socket.gethostname()}_{uuid4()}"


async def lead(
    kube: Kube,
    namespace: str,
    serve: Callable[[Kube], Awaitable[None]],
    health: Health,
) -> None:
    """Wait for the Lease, then run ``serve`` while it is held.

    ``serve`` gets a client that refuses to write once the Lease may have expired. When the Lease is
    lost, the process ends at once: everything that it knows is in the API server as well.
    """
    lease = Lease(kube, namespace, new_identity())
    health.report = lambda: f"waits for the Lease, which {lease.holder or 'nobody'} holds"
    while not await _try(lease):  # noqa: ASYNC110 - polls the API server, no local event exists
        await asyncio.sleep(RETRY_SECONDS)
    _log.info("leading")
    serving = asyncio.ensure_future(serve(kube.fenced(lambda: lease.held)))
    renewing = asyncio.ensure_future(_renew(lease))
    try:
        done, _ = await asyncio.wait({serving, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if renewing in done:
            # Without clean-up, because other tasks would go on writing during it.
            _log.error("the lease was lost; another operator may act")
            os._exit(1)
    finally:
        # Also when this task is cancelled, as by SIGTERM: serving ends before the release.
        serving.cancel()
        await asyncio.wait({serving})
        renewing.cancel()
        await _release(lease)
    serving.result()


async def _release(lease: Lease) -> None:
    try:
        async with asyncio.timeout(RENEW_DEADLINE):
            await lease.release()
    except (KubeError, TimeoutError) as error:
        _log.warning("the lease was not given back and has to expire: %s", error)


async def _try(lease: Lease) -> bool:
    try:
        return await lease.acquire_or_renew()
    except KubeError as error:
        _log.warning("lease: %s", error)
        return False


async def _renew(lease: Lease) -> None:
    while True:
        try:
            # This bounds a request that hangs, too: the Lease must not expire meanwhile.
            async with asyncio.timeout(RENEW_DEADLINE):
                await asyncio.sleep(RETRY_SECONDS)
                while not await _try(lease):
                    if not lease.held:
                        raise LeaseLost
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            raise LeaseLost from error
