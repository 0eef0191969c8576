"""Run the operator's process: ``python -m imagebatch_operator``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import NoReturn

from imagebatch_core import logs
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import ExitCode
from imagebatch_operator.cluster.cache import Cache
from imagebatch_operator.cluster.client import Kube, KubeError, connect
from imagebatch_operator.cluster.health import Health
from imagebatch_operator.cluster.intake import intake
from imagebatch_operator.cluster.lease import lead
from imagebatch_operator.cluster.progress import WatchProgress
from imagebatch_operator.cluster.resync import Resync
from imagebatch_operator.cluster.scopes import namespaced_kinds, open_scopes
from imagebatch_operator.cluster.scrape import metrics_served, read_state
from imagebatch_operator.cluster.served_schema import ServedSchema
from imagebatch_operator.cluster.watches import Watches
from imagebatch_operator.cluster.work_queue import Key, MustRestart, WorkQueue

from . import metrics
from .reconcile import Reconciler
from .settings import Settings

#: Seconds that running webhook deliveries get to finish when the process is stopped.
_GRACE_SECONDS = 5.0
_log = logging.getLogger("imagebatch_operator")


async def serve(kube: Kube, settings: Settings, health: Health) -> None:
    """Watch and reconcile until cancelled.

    Raises:
        ConfigurationRefused: the CRD is older than this operator.
        MustRestart: the state that this process holds is invalid.
        KubeError: none of the namespaces can be read.
    """
    health.report = lambda: "leads; reads what there is"
    schema = ServedSchema(kube)
    await schema.check()
    cache, queue, progress = (
        Cache(),
        WorkQueue(),
        WatchProgress(namespaced_kinds(settings.namespaces)),
    )
    resync = Resync(kube, cache, queue, progress, schema, every=settings.resync_seconds)
    scopes = await open_scopes(kube, resync, cache, settings.namespaces, settings.lease_namespace)
    health.report = resync.report
    metrics.GAUGES.read = lambda: read_state(cache, queue, progress)
    reconciler = Reconciler(kube, cache, settings, schema=schema)

    async def reconcile(key: Key) -> float | None:
        try:
            return await reconciler.reconcile(key)
        finally:
            for due in reconciler.due():
                queue.add(due)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(settings.workers):
                tasks.create_task(queue.work(reconcile))
            tasks.create_task(
                resync.run(lambda: [one for each in scopes for one in each.readable()])
            )
            for each in scopes:
                watches = Watches(intake(cache, queue, progress), each.kinds)
                tasks.create_task(each.keep_watching(watches))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        health.report = lambda: "stops"
        metrics.GAUGES.read = metrics.State
        deliveries = asyncio.ensure_future(reconciler.outbox.idle())
        await asyncio.wait({deliveries}, timeout=_GRACE_SECONDS)


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT."""
    this = asyncio.current_task()
    if this is None:
        raise AssertionError("runs in no task")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    health = Health()
    async with (
        connect() as kube,
        health.served(settings.health_port),
        metrics_served(settings.metrics_port),
    ):
        try:
            # A standby checks too, so that an upgrade that cannot work fails before it replaces a
            # pod.
            await ServedSchema(kube).check()
        except KubeError as error:
            _log.warning("the CRD's schema was not read: %s", error)
        if settings.lease_namespace is None:
            await serve(kube, settings, health)
        else:
            await lead(
                kube, settings.lease_namespace, lambda held: serve(held, settings, health), health
            )


async def _exit_code(settings: Settings) -> int:
    try:
        await run(settings)
    except ConfigurationRefused as error:
        _log.error("cannot start: %s", error)
        return ExitCode.CONFIGURATION_REFUSED
    except asyncio.CancelledError:
        _log.info("stopped")
        return ExitCode.DONE
    except MustRestart as error:
        _log.error("must start anew: %s", error)
        return ExitCode.FAULT
    except Exception as error:  # noqa: BLE001 - logged as one line, as everything is
        _log.exception("ended by an error: %s", error)
        return ExitCode.FAULT
    raise AssertionError("it runs until it is cancelled")


async def _run_and_leave(settings: Settings) -> NoReturn:
    """Run the operator and exit at once, without waiting for threads.

    A name look-up to a silent name server may block a thread for half a minute.
    """
    os._exit(await _exit_code(settings))


def main() -> None:
    """Read the settings and run the operator; exit with code 3 when a setting is refused."""
    logs.configure("info")  # until the settings are read
    logging.captureWarnings(True)
    # Process 1 of a container ignores SIGTERM unless it has a handler. The event loop replaces it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # Kopf names itself after the user, and the container's user id has no name in passwd.
    os.environ.setdefault("LOGNAME", "imagebatch-operator")
    try:
        settings = Settings.from_env(os.environ)
    except ConfigurationRefused as error:
        _log.error("cannot start: %s", error)
        sys.exit(ExitCode.CONFIGURATION_REFUSED)
    logs.configure(settings.log_level, settings.log_format)
    for noisy in ("kopf", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Kopf warns that it receives no signals; this program handles them itself.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    asyncio.run(_run_and_leave(settings))


if __name__ == "__main__":
    main()
