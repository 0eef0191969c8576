"""Find the Secret with a namespace's S3 key pair, which the runner's ConfigMap there names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from imagebatch_core import names
from imagebatch_operator.s3_secret import DEFAULT, S3Secret

from .client import Kube, NotFound, core_path

#: Seconds for which the name that a namespace's ConfigMap gives is used without reading it again.
_FRESH_SECONDS: Final = 30.0


class S3Secrets:
    """Reads the name of each namespace's Secret from the runner's ConfigMap, and caches it for 30
    s."""

    def __init__(self, kube: Kube, seconds: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._seconds = seconds
        self._found: dict[str, tuple[float, S3Secret | None]] = {}

    async def of(self, namespace: str) -> S3Secret | None:
        """Return the Secret of a namespace; ``None`` if its pods need none.

        Raises:
            KubeError: the API server does not respond.
        """
        known = self._found.get(namespace)
        now = self._seconds()
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        path = core_path(namespace, "configmaps", names.RUNNER_CONFIG_MAP)
        try:
            found = S3Secret.named_by((await self._kube.get(path)).get("data") or {})
        except NotFound:
            found = DEFAULT  # its pods wait for the ConfigMap and say so
        self._found[namespace] = (now, found)
        return found
