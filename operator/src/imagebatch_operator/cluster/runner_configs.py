"""Read the runner's ConfigMap of each namespace."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from imagebatch_core import names
from imagebatch_operator.runner_config import RunnerConfig

from .client import Kube, NotFound, core_path

#: Seconds for which a namespace's ConfigMap is used without reading it again.
_FRESH_SECONDS: Final = 30.0


class RunnerConfigs:
    """Reads what the runner's ConfigMaps say to the operator, and caches it for 30 s."""

    def __init__(self, kube: Kube, seconds: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._seconds = seconds
        self._found: dict[str, tuple[float, RunnerConfig]] = {}

    async def of(self, namespace: str) -> RunnerConfig:
        """Return what the ConfigMap of a namespace says.

        Raises:
            KubeError: the API server does not respond, or the operator may not read it.
        """
        known = self._found.get(namespace)
        now = self._seconds()
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        path = core_path(namespace, "configmaps", names.RUNNER_CONFIG_MAP)
        try:
            found = RunnerConfig.parse((await self._kube.get(path)).get("data") or {})
        except NotFound:
            found = RunnerConfig()  # its pods wait for the ConfigMap and say so
        self._found[namespace] = (now, found)
        return found
