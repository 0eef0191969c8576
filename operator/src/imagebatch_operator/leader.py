"""One operator acts at a time: a Lease, held before anything is watched, and death on its loss."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from kubernetes.aio import client
from kubernetes.aio.leaderelection import electionconfig, leaderelection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASE: Final = "imagebatch-operator"
_LEASE_SECONDS: Final = 15
_RENEW_SECONDS: Final = 10
_RETRY_SECONDS: Final = 2
_log = logging.getLogger(__name__)


async def lead(api: client.ApiClient, namespace: str, serve: Callable[[], Awaitable[None]]) -> None:
    """Wait for the Lease, then serve. The process ends when the Lease is lost or serving ends:
    whatever state it held is in the API server."""

    async def started() -> None:
        try:
            await serve()
        except Exception:
            _log.exception("the operator failed")
            os._exit(1)
        os._exit(0)

    async def stopped() -> None:
        _log.error("the lease was lost; another operator may act")
        os._exit(1)

    lock = LeaseLock(LEASE, namespace, socket.gethostname(), api)
    election = electionconfig.Config(
        lock, _LEASE_SECONDS, _RENEW_SECONDS, _RETRY_SECONDS, started, stopped
    )
    await leaderelection.LeaderElection(election).run()
