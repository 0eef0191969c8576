"""Open a client of the API server, from the pod's service account or a kubeconfig."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from kubernetes.aio import client
from kubernetes.aio import config as _config

from .errors import ConfigurationRefused

# The client's configuration module has no annotations.
config: Any = _config

_DEFAULT_KUBECONFIG: Final = Path("~/.kube/config")


@asynccontextmanager
async def api_client(
    env: Mapping[str, str] = os.environ, *, anonymous: bool = False
) -> AsyncIterator[client.ApiClient]:
    """Open a client; ``KUBECONFIG`` has precedence over the pod's service account.

    With ``anonymous`` the client has the address and the CA of the API server, and no credentials:
    the API server prefers a client certificate to the token that a request carries.

    Raises:
        ConfigurationRefused: there is neither, or it cannot be read.
    """
    configuration = client.Configuration()
    try:
        if env.get("KUBERNETES_SERVICE_HOST") and not env.get("KUBECONFIG"):
            config.load_incluster_config(client_configuration=configuration)
        else:
            path = env.get("KUBECONFIG") or str(_DEFAULT_KUBECONFIG.expanduser())
            await config.load_kube_config(config_file=path, client_configuration=configuration)
    except config.ConfigException as error:
        raise ConfigurationRefused(f"no API server to talk to: {error}") from error
    if anonymous:
        _remove_credentials(configuration)
    async with client.ApiClient(configuration) as api:
        yield api


def _remove_credentials(configuration: Any) -> None:
    configuration.api_key = {}
    configuration.api_key_prefix = {}
    configuration.refresh_api_key_hook = None
    configuration.username = configuration.password = None
    configuration.cert_file = configuration.key_file = None
