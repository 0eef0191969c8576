"""The installation that `make up`, `make demo` and `make down` share; its files are in
``.local``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from localcluster import kind
from localcluster.instance import instance

from .cluster import Cluster, OwnCluster
from .current import CurrentCluster
from .errors import StackFailed
from .places import ROOT

INSTANCE = "dev"
NAMESPACE = "imagebatch"
LOCAL = ROOT / ".local"


def current_is_asked(env: Mapping[str, str] = os.environ) -> bool:
    """Return whether CLUSTER=current is set: the user's own cluster is to be used."""
    return env.get("CLUSTER") == "current"


def current(folder: Path = LOCAL) -> CurrentCluster:
    return CurrentCluster(folder / "kubeconfig", NAMESPACE, os.environ)


def own(folder: Path = LOCAL, env: Mapping[str, str] = os.environ) -> OwnCluster:
    """Return the project's own cluster, which enforces NetworkPolicies with NETWORK_POLICIES=1."""
    enforced = env.get("NETWORK_POLICIES") == "1"
    return OwnCluster(INSTANCE, folder / "kubeconfig", policies=enforced)


def wanted(folder: Path = LOCAL, env: Mapping[str, str] = os.environ) -> Cluster:
    """Return the cluster that ``CLUSTER`` names. Raises StackFailed if another one is up."""
    noted = current(folder).noted()
    if current_is_asked(env):
        if instance(INSTANCE).state.exists() or kind.known(INSTANCE):
            raise StackFailed("a cluster of the project's own is up: make down first")
        return current(folder)
    if noted is not None:
        raise StackFailed(
            f"context {noted} has an installation of ours: make down first, or CLUSTER=current"
        )
    return own(folder, env)
