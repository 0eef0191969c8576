"""Cluster DNS: CoreDNS runs on the node, and pods reach it through the usual Service kube-dns."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from pathlib import Path

from localcluster.instance import DNS_SERVICE_IP
from localcluster.rbac import reader

# slirp4netns listens here and forwards to the host's resolver, even to one on its loopback.
SLIRP_RESOLVER = "10.0.2.3"


def upstreams(resolv_conf: str) -> list[str]:
    """Return the resolvers for names outside the cluster, in the order in which they are asked.

    ``resolv_conf`` is the content of the host's resolv.conf.
    """
    found = [SLIRP_RESOLVER]
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            address = ipaddress.ip_address(words[1])
        except ValueError:
            continue
        if address.version == 4 and not address.is_loopback:
            found.append(str(address))
    return found[:3]


def corefile(*, kubeconfig: Path, address: str, resolvers: Iterable[str]) -> str:
    """Return CoreDNS's configuration.

    Names below ``.invalid`` never exist (RFC 6761) and get a response at once. An unreachable
    resolver would otherwise delay it for seconds.
    """
    return f"""\
invalid.:53 {{
    bind {address}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
.:53 {{
    bind {address}
    errors
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    cache 30 {{
        denial 9984 5
    }}
    forward . {" ".join(resolvers)} {{
        max_fails 1
        health_check 5s
        expire 10s
        failfast_all_unhealthy_upstreams
    }}
}}
"""


def manifests(node_address: str) -> str:
    """Return the manifests: the Service, its endpoint on the node, and CoreDNS's RBAC rules."""
    labels = {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    items: list[dict[str, object]] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
            "spec": {"clusterIP": DNS_SERVICE_IP, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns-node",
                "namespace": "kube-system",
                "labels": {
                    "kubernetes.io/service-name": "kube-dns",
                    "endpointslice.kubernetes.io/managed-by": "imagebatch-local",
                },
            },
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [node_address], "conditions": {"ready": True}}],
        },
        *reader(
            "system:coredns",
            {
                "": ["endpoints", "services", "pods", "namespaces"],
                "discovery.k8s.io": ["endpointslices"],
            },
        ),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
