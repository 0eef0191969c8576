"""The programs of an instance: their command lines, start order and readiness probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcluster.instance import API_PORT, SERVICE_CIDR, Instance

ETCD_PORT = 2379
RATE = ("--kube-api-qps=200", "--kube-api-burst=400")


@dataclass(frozen=True)
class Component:
    """One supervised program.

    ``ready`` is a probe of ``probes.py``. A component that is not ``required`` may fail without
    failing the start. ``network`` is ``node`` or ``host``.
    """

    name: str
    arguments: tuple[str, ...]
    ready: str = ""
    after: tuple[str, ...] = ()
    network: str = "node"
    required: bool = True
    env: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> Component:
        """Parse the result of :meth:`as_json`."""
        lists = {"arguments": tuple(raw["arguments"]), "after": tuple(raw["after"])}
        return Component(**{**raw, **lists})


def etcd(program: str, data: Path, *, port: int, peer_port: int) -> list[str]:
    """Return etcd's command line. It runs without fsync, because its data may be lost in a
    crash."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        program,
        f"--data-dir={data}",
        "--name=local",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-retention=1h",
        "--log-level=warn",
    ]


def api_server(
    program: str, pki: Path, *, etcd_port: int, bind: str, advertise: str, port: int
) -> list[str]:
    """Return kube-apiserver's command line, with Node and RBAC authorization.

    Anonymous callers may read only its health.
    """
    return [
        program,
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={bind}",
        f"--advertise-address={advertise}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/aggregator.crt",
        f"--proxy-client-key-file={pki}/aggregator.key",
        "--authorization-mode=Node,RBAC",
        f"--authentication-config={pki.parent}/conf/authentication.json",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--enable-priority-and-fairness=true",
        "--event-ttl=2h",
        "--endpoint-reconciler-type=lease",
        "--shutdown-delay-duration=0s",
        "--profiling=false",
    ]


ANONYMOUS_HEALTH = """\
{"apiVersion": "apiserver.config.k8s.io/v1",
 "kind": "AuthenticationConfiguration",
 "anonymous": {"enabled": true,
  "conditions": [{"path": "/livez"}, {"path": "/readyz"}, {"path": "/healthz"}]}}
"""


def _serving(kubeconfig: Path, port: int) -> list[str]:
    """Return the flags of a controller that runs without leader election, with its health served on
    loopback."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
    ]


def controller_manager(program: str, pki: Path, kubeconfig: Path, *, port: int) -> list[str]:
    return [
        program,
        *_serving(kubeconfig, port),
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki}/ca.crt",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
        *RATE,
    ]


def scheduler(program: str, kubeconfig: Path) -> list[str]:
    return [
        program,
        *_serving(kubeconfig, 10259),
        *RATE,
    ]


def plan(instance: Instance, programs: Path, *, address: str) -> list[Component]:
    """Return all components of an instance in the order in which they start."""
    conf, pki = instance.conf, instance.pki
    api = f"https://{address}:{API_PORT}"
    api_ready = ("kube-apiserver",)
    return [
        Component(
            "slirp4netns",
            ("slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
             "--netns-type=path", "/proc/1/ns/net", "tap0"),
            ready="device:tap0",
            network="host",
            required=False,
        ),
        Component(
            "etcd",
            tuple(etcd(f"{programs}/etcd", instance.state / "etcd", port=ETCD_PORT,
                       peer_port=ETCD_PORT + 1)),
            ready=f"http://127.0.0.1:{ETCD_PORT}/health",
        ),
        Component(
            "containerd",
            ("containerd", "--config", f"{conf}/containerd.toml"),
            ready=f"unix:{instance.containerd_socket}",
        ),
        Component(
            "kube-apiserver",
            tuple(api_server(f"{programs}/kube-apiserver", pki, etcd_port=ETCD_PORT,
                             bind=address, advertise=address, port=API_PORT)),
            ready=f"{api}/readyz",
            after=("etcd",),
        ),
        Component(
            "kube-controller-manager",
            tuple(controller_manager(f"{programs}/kube-controller-manager", pki,
                                     conf / "controller-manager.kubeconfig", port=10257)),
            ready="https://127.0.0.1:10257/healthz",
            after=api_ready,
        ),
        Component(
            "kube-scheduler",
            tuple(scheduler(f"{programs}/kube-scheduler", conf / "scheduler.kubeconfig")),
            ready="https://127.0.0.1:10259/healthz",
            after=api_ready,
        ),
        Component(
            "kubelet",
            (f"{programs}/kubelet", f"--config={conf}/kubelet.json",
             f"--kubeconfig={conf}/kubelet.kubeconfig", f"--hostname-override={instance.node}",
             f"--node-ip={address}", "--root-dir=/var/lib/kubelet"),
            ready="http://127.0.0.1:10248/healthz",
            after=("containerd", "kube-apiserver"),
        ),
        Component(
            "kube-proxy",
            (f"{programs}/kube-proxy", f"--config={conf}/proxy.json"),
            ready="http://127.0.0.1:10256/healthz",
            after=api_ready,
        ),
        Component(
            "coredns",
            (f"{programs}/coredns", "-conf", f"{conf}/Corefile"),
            ready="http://127.0.0.1:8181/ready",
            # If it started before its RBAC rights exist, it would retry only after seconds.
            after=("kube-controller-manager", "kube-proxy"),
        ),
    ]  # fmt: skip
