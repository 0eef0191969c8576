"""Choose between the two clusters that the project can create: kind, or the local cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hosttools.command import run, succeeds
from hosttools.errors import CommandFailed, HostError, MissingTool

# kind and the node image it was released with; the digest makes the node the same everywhere.
KIND_VERSION = "v0.30.0"
NODE_IMAGE = (
    "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
)
_PULL_SECONDS = 600.0
_RUN_SECONDS = 60.0


class Cluster(StrEnum):
    KIND = "kind"
    LOCAL = "local"


@dataclass(frozen=True)
class Choice:
    """The chosen cluster, and the reason in one line."""

    cluster: Cluster
    reason: str


@dataclass(frozen=True)
class DockerProbes:
    """Checks of what kind needs. Each returns the problem as text, empty if there is none."""

    daemon: Callable[[], str]
    node_image: Callable[[], str]
    privileged: Callable[[], str]


def choose(env: Mapping[str, str] | None = None, probes: DockerProbes | None = None) -> Choice:
    """Return the cluster that ``CLUSTER`` names; without it kind if it can run, else the local one.

    Raises HostError for ``CLUSTER=current`` too: only the package ``stack`` supports it.
    """
    asked = (os.environ if env is None else env).get("CLUSTER", "")
    if asked:
        try:
            return Choice(Cluster(asked), "CLUSTER asks for it")
        except ValueError:
            raise HostError(
                f"CLUSTER={asked}: a cluster of the project's own is {' or '.join(Cluster)}; "
                "only `make demo`, `make up` and `make down` know CLUSTER=current"
            ) from None
    checks = probes or docker_probes()
    for check in (checks.daemon, checks.node_image, checks.privileged):
        problem = check()
        if problem:
            return Choice(Cluster.LOCAL, problem)
    return Choice(Cluster.KIND, "a Docker daemon answers and can run kind's node")


def docker_probes() -> DockerProbes:
    return DockerProbes(_daemon_problem, _image_problem, _privileged_problem)


def _daemon_problem() -> str:
    try:
        run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=15)
    except MissingTool:
        return "Docker is not installed"
    except CommandFailed:
        return "no Docker daemon answers"
    return ""


def _image_problem() -> str:
    if succeeds(["docker", "image", "inspect", NODE_IMAGE]):
        return ""
    try:
        run(["docker", "pull", "--quiet", NODE_IMAGE], timeout=_PULL_SECONDS)
    except CommandFailed:
        return "Docker answers, but kind's node image is not here and cannot be pulled"
    return ""


def _privileged_problem() -> str:
    trial = ["docker", "run", "--rm", "--privileged", "--network=none", "--entrypoint=/bin/true"]
    try:
        run([*trial, NODE_IMAGE], timeout=_RUN_SECONDS)
    except CommandFailed:
        return "Docker answers, but privileged containers, which kind needs, do not start"
    return ""
