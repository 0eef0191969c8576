"""The gateway of the current context: found by its labels, reached by a port-forward."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagebatch import Client
from imagebatch.cli.context import Gateway

from .errors import TokenWithheld
from .gateway_service import GatewayService, find
from .kube_user import KubeUser
from .port_forward import PortForward
from .program import Kubectl

_KEY_PREFIX = "ibk_"
#: auth.mode of the chart in which tokens of the cluster count.
_TOKENS_COUNT = "kubernetes"


@dataclass(frozen=True, slots=True)
class ClusterGateway(Gateway):
    """A gateway that is looked for, and forwarded to, when the first call is made."""

    kubectl: Kubectl = field(default_factory=Kubectl)
    named: str | None = None
    forward: PortForward = field(default_factory=PortForward)
    found: list[Gateway] = field(default_factory=list)

    def reached(self) -> Gateway:
        """Return the gateway at the forwarded port. Raises ImageBatchError."""
        if not self.found:
            self.found.append(self._reach())
        return self.found[0]

    def _reach(self) -> Gateway:
        user = KubeUser.of(self.kubectl)
        own = [one for one in (self.namespace, user.namespace or "default") if one is not None]
        service = find(self.kubectl, self.named, list(dict.fromkeys(own)))
        url = f"http://127.0.0.1:{self.forward.open(self.kubectl, service)}"
        # A key has a namespace of its own. Else the context's counts, as for kubectl.
        is_key = (self.token or "").startswith(_KEY_PREFIX)
        namespace = self.namespace or (None if is_key else user.namespace)
        token = _chosen_only(self.token, service) or _token_for(url, service, user)
        return Gateway(url, token, namespace, program=self.program)


def _token_for(url: str, service: GatewayService, user: KubeUser) -> str | None:
    """Return the token of the context's user, if this gateway wants one and may have it.

    Raises TokenWithheld and KubectlFailed.
    """
    with Client(url) as client:
        if client.me().auth_mode != _TOKENS_COUNT:
            return None
    return _chosen_only(user.token(), service)


def _chosen_only(token: str | None, service: GatewayService) -> str | None:
    """Return the token, if there is one, for a gateway that the user has chosen.

    Whoever may make a Service anywhere in the cluster can give it the labels of a gateway, also in
    the namespace that the user works in. A token therefore goes only to a gateway in the namespace
    of --gateway-namespace. Raises TokenWithheld.
    """
    if token is not None and not service.chosen:
        raise TokenWithheld(
            f"found a gateway in namespace {service.namespace}. To send it your token, say that "
            f"you trust it: --gateway-namespace {service.namespace}"
        )
    return token
