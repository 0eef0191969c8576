"""The command ``imagebatch-gateway``: serves the API until it receives SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Final

import uvicorn

from imagebatch_core import logs
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import ExitCode
from imagebatch_gateway.backends.cluster import kube_cluster
from imagebatch_gateway.backends.stores import open_stores

from . import metrics
from .app import create_app
from .settings import Settings

#: Seconds that running requests get to finish after SIGTERM; below the pod's grace period of 30.
_GRACE_SECONDS: Final = 25


async def serve(settings: Settings) -> None:
    stores = open_stores(settings, os.environ)
    async with kube_cluster(settings.namespace) as cluster:
        app = create_app(settings, stores, cluster)
        if settings.metrics_port:
            metrics.serve(settings.gateway_host, settings.metrics_port)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.gateway_host,
                port=settings.gateway_port,
                log_config=None,
                access_log=False,
                server_header=False,
                # access/forwarded.py does it, for the proxies of the settings.
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                lifespan="off",
            )
        )
        try:
            await server.serve()
        finally:
            await app.state.namespaces.close()


def main() -> int:
    logs.configure("info", stream=sys.stdout)  # until the settings are known
    try:
        settings = Settings.from_env(os.environ)
        logs.configure(settings.log_level, settings.log_format, sys.stdout)
        asyncio.run(serve(settings))
    except ConfigurationRefused as error:
        logging.getLogger(__name__).error("cannot start: %s", error)
        return ExitCode.CONFIGURATION_REFUSED
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
