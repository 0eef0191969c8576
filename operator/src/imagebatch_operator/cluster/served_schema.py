"""Compares the CRD's schema, as the API server serves it, with this operator's own.

With an older CRD the API server silently drops fields that the schema does not have, and refuses a
status with words that the schema does not list. Later decisions depend on those fields. Every
client may read the schema, so the operator needs no permission for it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from imagebatch_core.crd import structural
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import API_VERSION, GROUP, KIND, PLURAL
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_core.status import ImageBatchStatus

from .client import Kube, KubeError, NotFound, Unavailable

_log = logging.getLogger(__name__)
#: Seconds to wait for a newer schema: it is published some moments after the CRD was applied.
PATIENCE: Final = 10.0
#: Seconds after which the schema is read again when a batch has a field that may be a default.
_FRESH: Final = 15.0
_LISTED: Final = 8
#: Bounds of a structural schema above which the API server refuses a value.
_UPPER_BOUNDS: Final = ("maxLength", "maxItems", "maxProperties", "maximum")


class ServedSchema:
    """Reads the served schema, caches it, and compares it with this operator's own."""

    def __init__(
        self,
        kube: Kube,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._sleep = sleep
        self._schema: dict[str, Any] | None = None
        self._read_at: float | None = None

    async def check(self, *, patience: float = PATIENCE) -> None:
        """Compare the schema that is served now with this operator's own; ``patience`` in seconds.

        Raises:
            ConfigurationRefused: fields would be dropped or refused; the text says which, and what
                to do.
            Unavailable: the API server does not respond.
        """
        end = self._monotonic() + patience
        while True:
            await self._read()
            served = self._schema
            lost = [] if served is None else list(dropped(OWN_SCHEMA, served))
            refused = [] if served is None else list(refusals(_part(OWN_SCHEMA), _part(served)))
            if not lost and not refused:
                return
            if self._monotonic() >= end:
                break
            await self._sleep(min(1.0, patience))
        effects = []
        if lost:
            effects.append(f"would drop {_listed(lost)}")
        if refused:
            effects.append(f"would refuse {_listed(refused)}")
        raise ConfigurationRefused(
            f"the CRD {PLURAL}.{GROUP} is older than this operator: the API server "
            f"{' and '.join(effects)}. Apply the CRD of this version "
            "(deploy/crds/imagebatches.yaml; `helm upgrade` does it where crds.install is true), "
            "then this pod starts"
        )

    async def without_defaults(self, batch: ImageBatch) -> ImageBatch:
        """Return the batch without unknown fields whose value is the CRD's default.

        A newer CRD sets such fields in every batch, although no user set them.
        """
        if not batch.unknown_fields:
            return batch
        if self._read_at is None or self._monotonic() - self._read_at > _FRESH:
            try:
                await self._read()
            except Unavailable as error:
                _log.warning("the CRD's schema was not read: %s", error)
        asked = {
            path: value
            for path, value in batch.unknown_fields.items()
            if self._schema is None or value != default_at(self._schema, path)
        }
        return batch.model_copy(update={"unknown_fields": asked})

    async def _read(self) -> None:
        self._schema = await _served(self._kube)
        self._read_at = self._monotonic()


def dropped(own: Mapping[str, Any], served: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of the fields that ``own`` has and ``served`` would drop."""
    if served.get("x-kubernetes-preserve-unknown-fields"):
        return
    known = served.get("properties") or {}
    for name, child in (own.get("properties") or {}).items():
        place = f"{path}.{name}" if path else name
        if name in known:
            yield from dropped(child, known[name], place)
        elif "additionalProperties" not in served:
            yield place
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(own.get(key), dict) and isinstance(served.get(key), dict):
            yield from dropped(own[key], served[key], path + suffix)


def refusals(own: Mapping[str, Any], served: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield what ``own`` allows and ``served`` refuses, for example ``status.phase: Queued``."""
    words = own.get("enum") or own.get("examples") or []
    pattern = served.get("pattern")
    unknown = [
        str(word)
        for word in words
        if word not in served.get("enum", words)
        or (pattern is not None and not re.search(pattern, str(word)))
    ]
    if unknown:
        yield f"{path}: {', '.join(unknown)}"
    if "type" in own and own["type"] != served.get("type", own["type"]):
        yield f"{path}: {own['type']} instead of {served['type']}"
    for bound in _UPPER_BOUNDS:
        if bound in served and own.get(bound, float("inf")) > served[bound]:
            yield f"{path}: {bound} above {served[bound]}"
    for name, child in (own.get("properties") or {}).items():
        if name in (served.get("properties") or {}):
            place = f"{path}.{name}" if path else name
            yield from refusals(child, served["properties"][name], place)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(own.get(key), dict) and isinstance(served.get(key), dict):
            yield from refusals(own[key], served[key], path + suffix)


def default_at(schema: Mapping[str, Any], path: str) -> Any:
    """Return the default of the field at a path such as ``spec.a.b[0].c``; ``None`` if none."""
    node: Mapping[str, Any] = schema
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        node = (node.get("items") if index else (node.get("properties") or {}).get(name)) or {}
    return _default(node)


def _default(node: Mapping[str, Any]) -> Any:
    value = deepcopy(node.get("default"))
    if isinstance(value, dict):
        for name, child in (node.get("properties") or {}).items():
            inner = _default(child)
            if inner is not None:
                value.setdefault(name, inner)
    return value


def _part(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that is compared: the status, because the operator does not write
    the spec."""
    return {"properties": {"status": schema["properties"]["status"]}}


def _listed(items: list[str]) -> str:
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")


async def _served(kube: Kube) -> dict[str, Any] | None:
    """Read the schema that the API server serves.

    Returns ``None`` if the CRD does not exist, which the first list reports, or if the cluster does
    not publish schemas.
    """
    try:
        document = await kube.get(f"/openapi/v3/apis/{API_VERSION}")
    except NotFound:
        return None
    except Unavailable:
        raise
    except KubeError as error:
        _log.warning("the CRD's schema cannot be compared with this operator's: %s", error)
        return None
    for schema in document.get("components", {}).get("schemas", {}).values():
        kinds = schema.get("x-kubernetes-group-version-kind") or []
        if any(kind.get("kind") == KIND for kind in kinds):
            properties = schema.get("properties") or {}
            return {"properties": {part: properties.get(part, {}) for part in ("spec", "status")}}
    return None


#: The schema of this operator's own models; ``examples`` hold the words that it may write.
OWN_SCHEMA: Final = {
    "properties": {
        "spec": structural(ImageBatchSpec),
        "status": structural(ImageBatchStatus, with_words=True),
    }
}
