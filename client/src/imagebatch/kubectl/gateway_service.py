"""Finds the Service of the gateway by the labels that the chart gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import KubectlFailed, NoGateway, SeveralGateways
from .program import Kubectl

LABELS = "app.kubernetes.io/part-of=imagebatch,app.kubernetes.io/name=imagebatch-gateway"
_PORT_NAME = "http"
_HOW_TO_CHOOSE = "choose one with --gateway-namespace"


@dataclass(frozen=True, slots=True)
class GatewayService:
    """A gateway's Service. ``chosen``: the user named its namespace."""

    namespace: str
    name: str
    port: int
    chosen: bool


def find(kubectl: Kubectl, named: str | None, own: list[str]) -> GatewayService:
    """Return the gateway of the cluster.

    ``named`` is the namespace of --gateway-namespace: no other is looked at. Without it, all
    namespaces are searched. Users who may not list the Services of all namespaces get the gateway
    of ``own``, the namespaces that they work in.

    Raises NoGateway, SeveralGateways and KubectlFailed.
    """
    if named is not None:
        services = _services(kubectl, f"--namespace={named}")
        return _only(services, f"namespace {named}", chosen=True)
    try:
        everywhere = _services(kubectl, "--all-namespaces")
    except KubectlFailed as error:
        if "forbidden" not in str(error).lower():
            raise
        return _only(_in_each(kubectl, own), _looked_in(own))
    return _only(everywhere, "any namespace")


def _in_each(kubectl: Kubectl, namespaces: list[str]) -> list[dict[str, Any]]:
    """Return the services of the first of the namespaces that has some and may be listed."""
    for namespace in namespaces:
        try:
            found = _services(kubectl, f"--namespace={namespace}")
        except KubectlFailed as error:
            if "forbidden" not in str(error).lower():
                raise
            continue
        if found:
            return found
    return []


def _looked_in(namespaces: list[str]) -> str:
    places = " or ".join(namespaces)
    return f"namespace {places} (you may not list the Services of all namespaces)"


def _services(kubectl: Kubectl, where: str) -> list[dict[str, Any]]:
    found = kubectl.json("get", "services", where, f"--selector={LABELS}")
    return list(found.get("items") or [])


def _namespace(service: dict[str, Any]) -> str:
    return str(service["metadata"]["namespace"])


def _only(services: list[dict[str, Any]], where: str, *, chosen: bool = False) -> GatewayService:
    if not services:
        raise NoGateway(
            f"found no Service of an ImageBatch gateway in {where}; "
            "name its namespace with --gateway-namespace"
        )
    if len(services) > 1:
        namespaces = ", ".join(sorted(_namespace(one) for one in services))
        raise SeveralGateways(f"found gateways in the namespaces {namespaces}: {_HOW_TO_CHOOSE}")
    (service,) = services
    ports = service["spec"]["ports"]
    port = next((one for one in ports if one.get("name") == _PORT_NAME), ports[0])
    return GatewayService(
        _namespace(service), service["metadata"]["name"], int(port["port"]), chosen
    )
