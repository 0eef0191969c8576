"""Builds the FastAPI application."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.formparsers import MultiPartParser

from imagebatch_core import __version__
from imagebatch_core.store import ObjectStore
from imagebatch_gateway.access.forwarded import Forwarded
from imagebatch_gateway.access.gate import Gate
from imagebatch_gateway.access.hosts import KnownHosts, names_of
from imagebatch_gateway.access.record import Recorded
from imagebatch_gateway.answers import handlers
from imagebatch_gateway.answers.documented import HEADERS
from imagebatch_gateway.answers.middleware import AccessLog, BodyLimit, SecurityHeaders
from imagebatch_gateway.answers.models import ProblemAnswer
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


_TAGS: Final = {
    "requests": "Make requests, follow, change and download them",
    "results": "Products and images of a request, page by page",
    "access": "Who the caller is, sessions and API keys",
    "files": "Output images",
    "health": "For the kubelet",
}

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
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's own way
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document. Problem details replace FastAPI's own validation errors."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/", "description": "The gateway that serves this document"}],
            tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        )
        schemas = document["components"]["schemas"]
        _, definitions = models_json_schema(
            [(ProblemAnswer, "serialization")], ref_template="#/components/schemas/{model}"
        )
        schemas.update(definitions["$defs"])
        for path in document["paths"].values():
            for operation in path.values():
                default = operation["responses"].get("422", {}).get("content", {})
                if "HTTPValidationError" in str(default.get("application/json", "")):
                    del operation["responses"]["422"]
                _document_headers(operation)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def _document_headers(operation: dict[str, Any]) -> None:
    """Say which headers the responses of an operation have, whatever the route."""
    quotas = "429" in operation["responses"]
    for code, response in operation["responses"].items():
        names = ["X-Request-Id"]
        if quotas and code not in ("401", "403"):
            names += ["RateLimit", "RateLimit-Policy"]
        if code in ("429", "503"):
            names.append("Retry-After")
        response["headers"] = {name: HEADERS[name] for name in names} | response.get("headers", {})
