"""Access to the API server: batches of several namespaces, reviews, and API keys."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from kubernetes.aio import client

from imagebatch_core.apiserver import api_client

from .acting import acting_as
from .batches import Batches, KubeBatches
from .key_secret import KeySecret, KubeKeySecret
from .reviews import KubeReviews, Reviews


class Cluster(Protocol):
    """The parts of the API server that the gateway uses."""

    @property
    def reviews(self) -> Reviews: ...

    @property
    def key_secret(self) -> KeySecret: ...

    def batches(self, namespace: str, token: str | None = None) -> Batches:
        """Return the batches of a namespace. Their calls use ``token``, if it is given, instead of
        the gateway's own credentials."""


class KubeCluster:
    """The cluster, accessed with the official Kubernetes client.

    ``own`` has the gateway's credentials, ``anonymous`` has none. ``namespace`` is the home
    namespace, which holds the Secret of the API keys.
    """

    def __init__(self, own: client.ApiClient, anonymous: client.ApiClient, namespace: str) -> None:
        self._own = own
        self._anonymous = anonymous
        self.reviews = KubeReviews(own, anonymous)
        self.key_secret = KubeKeySecret(own, namespace)

    def batches(self, namespace: str, token: str | None = None) -> KubeBatches:
        if token is None:
            return KubeBatches(self._own, namespace)
        return KubeBatches(acting_as(self._anonymous, token), namespace, for_caller=True)


@asynccontextmanager
async def kube_cluster(
    namespace: str, env: Mapping[str, str] = os.environ
) -> AsyncIterator[KubeCluster]:
    """Connect to the cluster that :func:`.api_client` finds, during the block.

    Raises the errors of :func:`.api_client`.
    """
    async with api_client(env) as own, api_client(env, anonymous=True) as anonymous:
        yield KubeCluster(own, anonymous, namespace)
