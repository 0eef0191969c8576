"""The CRD's schema as the API server serves it: whether it takes what this operator writes, and
which values it fills in itself.

Of an object of an older CRD the API server drops, without a word, what its schema does not know,
and it refuses a status whose words the schema does not list: results would be lost that later
decisions rest on. The schema is read where any client may, so no right is needed for it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
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
#: Seconds: the API server publishes a schema some moments after the CRD was applied.
PATIENCE: Final = 10.0
#: Seconds after which the schema is read again when a field is met that it may explain.
_FRESH: Final = 15.0
_LISTED: Final = 8
#: Bounds of a structural schema above which the API server refuses a value.
_UPPER_BOUNDS: Final = ("maxLength", "maxItems", "maxProperties", "maximum")


class ServedSchema:
    """The schema that was read last; ``None`` where it cannot be told."""

    def __init__(self, kube: Kube, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._schema: dict[str, Any] | None = None
        self._read_at: float | None = None

    async def check(self, *, patience: float = PATIENCE) -> None:
        """Compare the schema that is served now with this operator's own.

        Raises:
            ConfigurationRefused: fields would be dropped or refused; says which, and what to do.
            Unavailable: the API server does not answer.
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
            await asyncio.sleep(min(1.0, patience))
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
        """The batch, and of its unknown fields those that somebody set: a newer CRD fills in
        defaults of fields that nobody asked for."""
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
    """Paths of the fields of the one structural schema that the other would prune."""
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
    """What the one schema allows and the other refuses, as ``status.phase: Queued``."""
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
    """The value that the API server fills in at a path as ``spec.a.b[0].c``; ``None``: none."""
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
    """The status alone: of the spec this operator writes nothing."""
    return {"properties": {"status": schema["properties"]["status"]}}


def _listed(items: list[str]) -> str:
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")


async def _served(kube: Kube) -> dict[str, Any] | None:
    """``None`` where it cannot be told: no such CRD is there, which the first list will say, or
    the cluster keeps its schemas to itself."""
    try:
        document = await kube.get(f"/openapi/v3/apis/{API_VERSION}")
    except NotFound:
        return None
    except Unavailable:
        raise
    except KubeError as error:
        _log.warning("whether the CRD is as new as this operator cannot be told: %s", error)
        return None
    for schema in document.get("components", {}).get("schemas", {}).values():
        kinds = schema.get("x-kubernetes-group-version-kind") or []
        if any(kind.get("kind") == KIND for kind in kinds):
            properties = schema.get("properties") or {}
            return {"properties": {part: properties.get(part, {}) for part in ("spec", "status")}}
    return None


#: What this operator reads and writes; ``examples`` hold the words of what is no enum.
OWN_SCHEMA: Final = {
    "properties": {
        "spec": structural(ImageBatchSpec),
        "status": structural(ImageBatchStatus, with_words=True),
    }
}
