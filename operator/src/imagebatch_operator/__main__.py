"""``python -m imagebatch_operator``: the operator's process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

import kopf

from imagebatch_core import logs
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import ExitCode
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Kube, connect
from imagebatch_operator.cluster.handlers import kopf_settings, register
from imagebatch_operator.cluster.lease import lead
from imagebatch_operator.cluster.resync import Resync
from imagebatch_operator.cluster.served_schema import ServedSchema
from imagebatch_operator.cluster.work_queue import WorkQueue

from .reconcile import Reconciler
from .settings import Settings


async def serve(kube: Kube, settings: Settings) -> None:
    """Watch and reconcile until told to stop.

    Raises:
        ConfigurationRefused: the CRD is older than this operator.
    """
    schema = ServedSchema(kube)
    await schema.check()
    cache, queue = Cache(), WorkQueue()
    resync = Resync(kube, cache, queue, settings)
    registry = kopf.OperatorRegistry()
    register(registry, cache, queue, resync.probe)
    await resync.fill()
    reconciler = Reconciler(kube, cache, settings, schema=schema)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(queue.work(reconciler.reconcile)) for _ in range(settings.workers)
        ]
        tasks.append(group.create_task(resync.run()))
        await kopf.operator(
            registry=registry,
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz",
        )
        for task in tasks:
            task.cancel()


async def run(settings: Settings) -> None:
    async with connect() as kube:
        if settings.lease_namespace is None:
            await serve(kube, settings)
        else:
            await lead(kube, settings.lease_namespace, lambda: serve(kube, settings))


def main() -> None:
    """Exit code 3 when the configuration is refused."""
    logs.configure("info")  # until it is known how they are wanted
    # As process 1 of a container an unhandled SIGTERM would be ignored; Kopf takes over later.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # Kopf names itself after the user, and a container's number has no name in passwd.
    os.environ.setdefault("LOGNAME", "imagebatch-operator")
    try:
        settings = Settings.from_env(os.environ)
        logs.configure(settings.log_level, settings.log_format)
        for noisy in ("kopf", "aiohttp.access"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        asyncio.run(run(settings))
    except ConfigurationRefused as error:
        logging.getLogger("imagebatch_operator").error("cannot start: %s", error)
        sys.exit(ExitCode.CONFIGURATION_REFUSED)


if __name__ == "__main__":
    main()
