"""The services that the routes use, built once when the application is created."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from imagebatch_core.keys import upload_prefix
from imagebatch_core.store import ObjectStore
from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.backends.readiness import Readiness
from imagebatch_gateway.requests.changes import Changes
from imagebatch_gateway.requests.failures import Failures
from imagebatch_gateway.requests.history import History
from imagebatch_gateway.requests.images import ImageLists
from imagebatch_gateway.requests.lookup import Lookup
from imagebatch_gateway.requests.output_urls import OutputUrls
from imagebatch_gateway.requests.plans import Plans
from imagebatch_gateway.requests.products import Products
from imagebatch_gateway.requests.progress import ProgressReader
from imagebatch_gateway.requests.recorded import Recorded
from imagebatch_gateway.requests.reported import Reported
from imagebatch_gateway.requests.rows import Rows
from imagebatch_gateway.requests.snapshot import Snapshots
from imagebatch_gateway.uploads.accept import Uploads

from .settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    objects: Objects
    lookup: Lookup
    history: History
    changes: Changes
    uploads: Uploads
    snapshots: Snapshots
    products: Products
    images: ImageLists
    failures: Failures
    reported: Reported
    readiness: Readiness

    @classmethod
    def over(
        cls,
        settings: Settings,
        store: ObjectStore,
        batches: Batches,
        clock: Callable[[], float] = time.monotonic,
    ) -> Services:
        objects = Objects(store)
        lookup = Lookup(batches, settings.prefix)
        history = History(batches, clock)
        plans = Plans(objects)
        progress = ProgressReader(objects, plans, clock)
        rows, recorded, reported = Rows(objects), Recorded(objects, clock), Reported(objects)
        return cls(
            settings,
            objects,
            lookup,
            history,
            Changes(lookup, batches, history),
            Uploads(
                objects,
                batches,
                history,
                settings.namespace,
                prefix=settings.prefix,
                at_once=settings.uploads_at_once,
            ),
            Snapshots(OutputUrls(objects), progress, lookup.keys_of),
            Products(rows, recorded, reported),
            ImageLists(rows, recorded, reported),
            Failures(progress, reported),
            reported,
            Readiness(objects, batches, settings.prefix + upload_prefix(settings.namespace), clock),
        )


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put it there
    return services


def links_of(request: Request, services: Annotated[Services, Depends(services_of)]) -> Links:
    """Return links below the configured public URL, or else below the URL that the caller used."""
    return Links(services.settings.gateway_url or str(request.base_url).rstrip("/"))


ServicesOf = Annotated[Services, Depends(services_of)]
LinksOf = Annotated[Links, Depends(links_of)]
