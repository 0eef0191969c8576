"""The services that the routes use, built once when the application is created."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import anyio
from fastapi import Depends, Request

from imagebatch_core.keys import upload_prefix
from imagebatch_core.store import ObjectStore
from imagebatch_gateway.access.caller import Caller
from imagebatch_gateway.access.needs import CallerOf
from imagebatch_gateway.answers.links import Links
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.cluster import Cluster
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.backends.readiness import Readiness
from imagebatch_gateway.backends.stores import Stores
from imagebatch_gateway.requests.changes import Changes
from imagebatch_gateway.requests.failures import Failures
from imagebatch_gateway.requests.history import History
from imagebatch_gateway.requests.images import ImageLists
from imagebatch_gateway.requests.listing import RequestLists
from imagebatch_gateway.requests.lookup import Lookup
from imagebatch_gateway.requests.output_urls import OutputUrls
from imagebatch_gateway.requests.plans import Plans
from imagebatch_gateway.requests.previews import Previews
from imagebatch_gateway.requests.products import Products
from imagebatch_gateway.requests.progress import ProgressReader
from imagebatch_gateway.requests.recorded import Recorded
from imagebatch_gateway.requests.records import Records
from imagebatch_gateway.requests.reported import Reported
from imagebatch_gateway.requests.rows import Rows
from imagebatch_gateway.requests.snapshot import Snapshots
from imagebatch_gateway.uploads.accept import Uploads

from .settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The services for requests of one namespace, acting as one caller."""

    settings: Settings
    namespace: str
    objects: Objects
    batches: Batches
    lookup: Lookup
    history: History
    records: Records
    progress: ProgressReader
    lists: RequestLists
    changes: Changes
    uploads: Uploads
    snapshots: Snapshots
    products: Products
    images: ImageLists
    failures: Failures
    previews: Previews
    reported: Reported
    readiness: Readiness

    @classmethod
    def over(
        cls,
        settings: Settings,
        store: ObjectStore | Stores,
        batches: Batches,
        clock: Callable[[], float] = time.monotonic,
    ) -> Services:
        objects = Objects(store)
        records = Records(objects, settings.prefix, clock)
        lookup = Lookup(batches, records, settings.namespace, settings.prefix)
        history = History(batches, clock)
        plans = Plans(objects)
        progress = ProgressReader(objects, plans, clock)
        rows, recorded, reported = Rows(objects), Recorded(objects, clock), Reported(objects)
        return cls(
            settings,
            settings.namespace,
            objects,
            batches,
            lookup,
            history,
            records,
            progress,
            RequestLists(history, records, progress, settings.namespace),
            Changes(lookup, batches, history, settings.ceilings),
            Uploads(
                objects,
                batches,
                history,
                settings.namespace,
                prefix=settings.prefix,
                threads=anyio.CapacityLimiter(settings.uploads_at_once),
                streams=anyio.CapacityLimiter(settings.uploads_at_once),
                rules=settings.egress_rules,
                ceilings=settings.ceilings,
            ),
            Snapshots(OutputUrls(objects), progress, lookup.keys_of),
            Products(rows, recorded, reported),
            ImageLists(plans, recorded, reported),
            Failures(progress, reported),
            Previews(objects),
            reported,
            Readiness(objects, batches, settings.prefix + upload_prefix(settings.namespace), clock),
        )

    def acting_for(self, caller: Caller, batches: Batches, history: History) -> Services:
        """Return the same services for a caller: ``batches`` and ``history`` are those of the
        caller's namespace, and ``batches`` has the caller's credentials where they are used.
        """
        lookup = Lookup(batches, self.records, caller.namespace, self.settings.prefix)
        return replace(
            self,
            namespace=caller.namespace,
            batches=batches,
            lookup=lookup,
            history=history,
            lists=RequestLists(history, self.records, self.progress, caller.namespace),
            changes=Changes(lookup, batches, history, self.settings.ceilings),
            uploads=self.uploads.acting_for(caller, batches, history),
        )


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The services of each namespace that the gateway serves; ``home`` is for its own namespace."""

    home: Services
    cluster: Cluster
    histories: dict[str, History]
    clock: Callable[[], float]

    def services_for(self, caller: Caller) -> Services:
        """Return the services for a caller who was admitted."""
        namespace = caller.namespace
        at_home = namespace == self.home.namespace
        if at_home and not caller.name:
            return self.home
        history = self.home.history if at_home else self._history(namespace)
        batches = self.cluster.batches(namespace, caller.token)
        return self.home.acting_for(caller, batches, history)

    async def close(self) -> None:
        """End the watches of the API server."""
        for history in (self.home.history, *self.histories.values()):
            await history.close()

    def _history(self, namespace: str) -> History:
        """Return the history of a namespace. It is read with the gateway's own credentials, so the
        caller's rights must be checked before."""
        if namespace not in self.histories:
            self.histories[namespace] = History(self.cluster.batches(namespace), self.clock)
        return self.histories[namespace]


def services_of(request: Request, caller: CallerOf) -> Services:
    """Return the services for the caller of a request."""
    namespaces = request.app.state.namespaces
    assert isinstance(namespaces, Namespaces)  # noqa: S101 - create_app put it there
    return namespaces.services_for(caller)


def settings_of(request: Request) -> Settings:
    """Return the settings of the gateway, for routes that serve callers nobody has judged."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put it there
    return services.settings


def links_of(request: Request, services: Annotated[Services, Depends(services_of)]) -> Links:
    """Return links below the configured public URL, or else below the URL that the caller used."""
    settings = services.settings
    base = settings.gateway_url or str(request.base_url).rstrip("/")
    return Links(base, None if services.namespace == settings.namespace else services.namespace)


ServicesOf = Annotated[Services, Depends(services_of)]
SettingsOf = Annotated[Settings, Depends(settings_of)]
LinksOf = Annotated[Links, Depends(links_of)]
