"""Whether the API server knows every field that this operator writes.

Of an object of an older CRD it drops, without a word, what its schema does not know: results would
be lost that later decisions rest on. The schema is read where any client may, so no right is needed
for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import API_VERSION, GROUP, KIND, PLURAL

from .client import Kube, KubeError, NotFound, Unavailable

_log = logging.getLogger(__name__)
#: The API server publishes a schema some moments after the CRD was applied.
_PATIENCE: Final = 10.0
_LISTED: Final = 8


async def check_served_schema(kube: Kube, *, patience: float = _PATIENCE) -> None:
    """Compare the schema that is served with this operator's own.

    Raises:
        ConfigurationRefused: fields would be dropped; says which, and what to do.
        Unavailable: the API server does not answer.
    """
    end = time.monotonic() + patience
    while True:
        served = await _served(kube)
        lost = [] if served is None else list(dropped(_own(), served))
        if not lost:
            return
        if time.monotonic() >= end:
            break
        await asyncio.sleep(min(1.0, patience))
    fields = ", ".join(lost[:_LISTED])
    if len(lost) > _LISTED:
        fields += f" and {len(lost) - _LISTED} more"
    raise ConfigurationRefused(
        f"the CRD {PLURAL}.{GROUP} is older than this operator: the API server would drop "
        f"{fields}. Apply the CRD of this version (deploy/crds/imagebatches.yaml; `helm upgrade` "
        "does it where crds.install is true), then this pod starts"
    )


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


def _own() -> dict[str, Any]:
    (version,) = custom_resource_definition()["spec"]["versions"]
    return _spec_and_status(version["schema"]["openAPIV3Schema"])


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
            return _spec_and_status(schema)
    return None


def _spec_and_status(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    return {"properties": {part: properties.get(part, {}) for part in ("spec", "status")}}
