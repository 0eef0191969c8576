"""Builds the FastAPI application."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI
from starlette.formparsers import MultiPartParser

from imagebatch_core import __version__
from imagebatch_core.store import ObjectStore
from imagebatch_gateway.access.forwarded import Forwarded
from imagebatch_gateway.access.gate import Gate
from imagebatch_gateway.access.hosts import KnownHosts, names_of
from imagebatch_gateway.access.record import Recorded
from imagebatch_gateway.answers import handlers
from imagebatch_gateway.answers.early_end import EarlyEnd
from imagebatch_gateway.answers.middleware import AccessLog, BodyLimit, SecurityHeaders
from imagebatch_gateway.answers.openapi import openapi_of
from imagebatch_gateway.backends.cluster import Cluster
from imagebatch_gateway.backends.stores import Stores

from .routes import (
    callers,
    downloads,
    events,
    files,
    health,
    images,
    keys,
    page_forms,
    pages,
    previews,
    products,
    reference,
    requests,
    retries,
    status,
    uploads,
    validation,
    webhooks,
)
from .services import Namespaces, Services
from .settings import Settings

_ABOUT: Final = """\
Batch image compression on Kubernetes. Upload a CSV of products and image URLs, follow the request,
download the CSV with the new URLs. Every request is an ImageBatch resource of the cluster; those
made with `kubectl apply` are found here by their name.

Refusals are problem details (RFC 9457) with a `message` to show.
"""

#: Modules of routes, in the order of the API reference.
_CALLS: Final = (
    uploads, validation, status, downloads, requests, retries, webhooks, products, images, previews,
    events,
    callers, keys, files, health, pages, page_forms, reference,
)  # fmt: skip


#: Bytes of an uploaded file that are held in memory; a larger one is spooled to /tmp.
MultiPartParser.spool_max_size = 64 * 1024


def create_app(settings: Settings, store: ObjectStore | Stores, cluster: Cluster) -> FastAPI:
    """Create the application from its settings, the object store and the cluster.

    The caller owns ``store`` and ``cluster`` and must keep them open until the last request has
    ended and ``app.state.namespaces`` is closed.

    Raises:
        ConfigurationRefused: the settings contradict each other.
    """
    app = FastAPI(
        title="ImageBatch",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        # Not include_router: it would copy every route at the first request, which takes longer
        # than everything else, and the routes use none of its options.
        routes=[route for module in _CALLS for route in module.router.routes],
    )
    app.state.gate = Gate(
        settings, cluster.reviews, cluster.key_secret, time.monotonic, lambda: datetime.now(UTC)
    )
    services = Services.over(settings, store, cluster.batches(settings.namespace))
    app.state.services = services
    app.state.namespaces = Namespaces(services, cluster, {}, time.monotonic)
    handlers.install(app)
    app.mount("/static", pages.static)
    # The middleware that is added last sees a request first.
    app.add_middleware(BodyLimit, limit=settings.max_upload_bytes)
    app.add_middleware(KnownHosts, names=names_of(settings))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog)
    app.add_middleware(Recorded)
    app.add_middleware(Forwarded, proxies=settings.trusted_proxies)
    app.add_middleware(EarlyEnd)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign] # FastAPI's own way
    return app
