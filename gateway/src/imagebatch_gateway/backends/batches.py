"""ImageBatches on the API server. Only errors of :mod:`.errors` leave this module."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException
from pydantic import ValidationError

from imagebatch_core import names
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import ImageBatchSpec

from .api_errors import translated, translated_for_caller, translated_list
from .errors import (
    BatchMissing,
    BatchUnreadable,
    ClusterRefused,
)

_SECONDS: Final = 10.0


#: Batches per page of a list, and seconds after which the API server ends a watch.
_PAGE: Final = 500
_WATCH_SECONDS: Final = 240


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list of objects.

    ``after`` is the token of the next page, ``None`` on the last one. ``version`` is the resource
    version from which a watch can continue the list.
    """

    objects: Sequence[Mapping[str, Any]]
    after: str | None
    version: str


@dataclass(frozen=True, slots=True)
class Change:
    """An event of a watch: the changed object, or its last state if it was ``deleted``.

    ``object`` is ``None`` for a bookmark, which only brings a newer ``version``.
    """

    version: str
    object: Mapping[str, Any] | None = None
    deleted: bool = False


class Batches(Protocol):
    """The ImageBatches of one namespace."""

    async def create(
        self, name: str, spec: ImageBatchSpec, annotations: Mapping[str, str]
    ) -> ImageBatch:
        """Create an ImageBatch and return it.

        Raises BatchExists, SpecRefused, QuotaExceeded, ClusterRefused, ClusterUnavailable.
        """

    async def get(self, name: str) -> ImageBatch:
        """Return the ImageBatch of this name.

        Raises BatchMissing, BatchUnreadable, ClusterRefused, ClusterUnavailable.
        """

    async def patch(self, name: str, spec: Mapping[str, Any]) -> ImageBatch:
        """Apply a JSON merge patch to the batch's spec and return the changed batch.

        Raises the errors of :meth:`create` and :meth:`get`, except BatchExists.
        """

    async def annotate(self, name: str, annotations: Mapping[str, str]) -> ImageBatch:
        """Set annotations of the batch and return the changed batch.

        Raises the errors of :meth:`patch`.
        """

    async def delete(self, name: str) -> None:
        """Delete the ImageBatch. Raises BatchMissing, ClusterRefused, ClusterUnavailable."""

    async def list_page(self, after: str | None) -> ListPage:
        """Return one page of the list of all batches; ``after`` is the token of the page before.

        Raises ClusterRefused, ClusterUnavailable, ListExpired.
        """

    def changes(self, version: str) -> AsyncIterator[Change]:
        """Watch the batches: yield each change after this resource version.

        The API server ends the watch after some minutes, and with it the iteration.

        Raises ClusterRefused, ClusterUnavailable, ListExpired.
        """

    async def check(self) -> None:
        """Test that batches can be listed. Raises ClusterRefused or ClusterUnavailable if not."""


class KubeBatches:
    """The ImageBatches of one namespace, accessed with the official Kubernetes client."""

    def __init__(self, api: client.ApiClient, namespace: str, *, for_caller: bool = False) -> None:
        """``for_caller`` says that ``api`` uses a caller's credentials, so missing rights are the
        caller's."""
        self._custom: Any = client.CustomObjectsApi(api)
        self._namespace = namespace
        self._translated = translated_for_caller if for_caller else translated

    async def create(
        self, name: str, spec: ImageBatchSpec, annotations: Mapping[str, str]
    ) -> ImageBatch:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "annotations": dict(annotations),
            },
            # Defaults are left out, as in a manifest: the API server fills them in.
            "spec": spec.model_dump(
                mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
            ),
        }
        try:
            async with self._translated(name):
                created = await self._custom.create_namespaced_custom_object(
                    names.GROUP,
                    names.VERSION,
                    self._namespace,
                    names.PLURAL,
                    body,
                    field_manager="imagebatch-gateway",
                    field_validation="Strict",
                    _request_timeout=_SECONDS,
                )
        except BatchMissing as error:
            raise ClusterRefused(
                f"the cluster lacks the namespace {self._namespace!r} or the ImageBatch CRD"
            ) from error
        return _read(name, created)

    async def get(self, name: str) -> ImageBatch:
        async with self._translated(name):
            body = await self._custom.get_namespaced_custom_object(
                names.GROUP,
                names.VERSION,
                self._namespace,
                names.PLURAL,
                name,
                _request_timeout=_SECONDS,
            )
        return _read(name, body)

    async def patch(self, name: str, spec: Mapping[str, Any]) -> ImageBatch:
        return await self._merge(name, {"spec": dict(spec)})

    async def annotate(self, name: str, annotations: Mapping[str, str]) -> ImageBatch:
        return await self._merge(name, {"metadata": {"annotations": dict(annotations)}})

    async def _merge(self, name: str, patch: Mapping[str, Any]) -> ImageBatch:
        async with self._translated(name):
            body = await self._custom.patch_namespaced_custom_object(
                names.GROUP,
                names.VERSION,
                self._namespace,
                names.PLURAL,
                name,
                dict(patch),
                field_manager="imagebatch-gateway",
                field_validation="Strict",
                _content_type="application/merge-patch+json",
                _request_timeout=_SECONDS,
            )
        return _read(name, body)

    async def delete(self, name: str) -> None:
        async with self._translated(name):
            await self._custom.delete_namespaced_custom_object(
                names.GROUP,
                names.VERSION,
                self._namespace,
                names.PLURAL,
                name,
                propagation_policy="Background",
                _request_timeout=_SECONDS,
            )

    async def list_page(self, after: str | None) -> ListPage:
        async with translated_list():
            more = {"_continue": after} if after else {}
            found = await self._custom.list_namespaced_custom_object(
                names.GROUP,
                names.VERSION,
                self._namespace,
                names.PLURAL,
                limit=_PAGE,
                _request_timeout=_SECONDS,
                **more,
            )
        meta = found["metadata"]
        return ListPage(found["items"], meta.get("continue") or None, meta["resourceVersion"])

    async def changes(self, version: str) -> AsyncIterator[Change]:
        async with translated_list():
            response = await self._custom.list_namespaced_custom_object_without_preload_content(
                names.GROUP,
                names.VERSION,
                self._namespace,
                names.PLURAL,
                resource_version=version,
                watch=True,
                allow_watch_bookmarks=True,
                timeout_seconds=_WATCH_SECONDS,
                _request_timeout=_WATCH_SECONDS + _SECONDS,
            )
            try:
                if response.status >= 400:
                    raise ApiException(http_resp=None, status=response.status)
                async for line in _lines(response.content.iter_any()):
                    yield _change(json.loads(line))
            finally:
                response.close()

    async def check(self) -> None:
        try:
            async with self._translated(""):
                await self._custom.list_namespaced_custom_object(
                    names.GROUP,
                    names.VERSION,
                    self._namespace,
                    names.PLURAL,
                    limit=1,
                    _request_timeout=_SECONDS / 2,
                )
        except BatchMissing as error:
            raise ClusterRefused("the ImageBatch CRD is not installed in this cluster") from error


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a stream. A line may be longer than aiohttp's own line reader accepts."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def _change(event: Mapping[str, Any]) -> Change:
    found, kind = event["object"], event["type"]
    if kind == "ERROR":
        raise ApiException(status=found.get("code", 500), reason=found.get("message"))
    version = found["metadata"]["resourceVersion"]
    if kind == "BOOKMARK":
        return Change(version)
    return Change(version, found, deleted=kind == "DELETED")


def _read(name: str, body: dict[str, Any]) -> ImageBatch:
    try:
        return ImageBatch.from_object(body)
    except (ValidationError, KeyError, TypeError) as error:
        raise BatchUnreadable(name) from error
