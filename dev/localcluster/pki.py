"""Make the certificates and kubeconfigs of an instance with the command openssl."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

from hosttools.command import run

_DAYS = "825"


@dataclass(frozen=True)
class Leaf:
    """One certificate: its file name, its subject and, for servers, its other names."""

    file: str
    user: str
    group: str = ""
    names: tuple[str, ...] = field(default_factory=tuple)

    @property
    def subject(self) -> str:
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.user}"

    def extensions(self) -> str:
        lines = ["basicConstraints=CA:FALSE", "keyUsage=digitalSignature"]
        if self.names:
            lines.append("extendedKeyUsage=serverAuth,clientAuth")
            lines.append("subjectAltName=" + ",".join(self.names))
        else:
            lines.append("extendedKeyUsage=clientAuth")
        return "\n".join(lines) + "\n"


ADMIN = Leaf("admin", "kubernetes-admin", "system:masters")
CONTROLLER_MANAGER = Leaf("controller-manager", "system:kube-controller-manager")
SCHEDULER = Leaf("scheduler", "system:kube-scheduler")
PROXY = Leaf("proxy", "system:kube-proxy")
DNS = Leaf("dns", "system:coredns")
KUBE_ROUTER = Leaf("kube-router", "system:kube-router")
KUBELET_CLIENT = Leaf("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters")
AGGREGATOR = Leaf("aggregator", "front-proxy-client")


def api_server(*addresses: str) -> Leaf:
    """Return the API server's certificate, for all addresses at which it is reached."""
    hosts = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
             "kubernetes.default.svc.cluster.local")  # fmt: skip
    names = tuple(f"DNS:{host}" for host in hosts)
    return Leaf("apiserver", "kube-apiserver", names=names + tuple(f"IP:{a}" for a in addresses))


def kubelet(node: str, address: str) -> Leaf:
    """Return the kubelet's certificate. It is also a server certificate, because the API server
    connects to the kubelet for logs."""
    names = (f"DNS:{node}", f"IP:{address}")
    return Leaf("kubelet", f"system:node:{node}", "system:nodes", names)


class Authority:
    """A certificate authority, whose folder only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"

    @property
    def key(self) -> Path:
        return self._key

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", _DAYS, "-subj", "/CN=imagebatch-local",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
            "-keyout", str(self._key), "-out", str(self.certificate),
        ])  # fmt: skip

    def issue(self, leaf: Leaf) -> None:
        stem = self.folder / leaf.file
        run([
            "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", leaf.subject, "-keyout", f"{stem}.key", "-out", f"{stem}.csr",
        ])  # fmt: skip
        extensions = Path(f"{stem}.ext")
        extensions.write_text(leaf.extensions())
        run([
            "openssl", "x509", "-req", "-days", _DAYS, "-in", f"{stem}.csr", "-out", f"{stem}.crt",
            "-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial",
            "-extfile", str(extensions),
        ])  # fmt: skip

    def signing_key(self, name: str) -> None:
        """Create a key pair for service account tokens, with this file name."""
        key = self.folder / f"{name}.key"
        run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
             "-out", str(key)])  # fmt: skip
        run(["openssl", "pkey", "-in", str(key), "-pubout", "-out",
             str(self.folder / f"{name}.pub")])  # fmt: skip

    def kubeconfig(self, leaf: Leaf, server: str, name: str) -> str:
        """Return a kubeconfig that contains the certificates and key of ``leaf``."""
        stem = self.folder / leaf.file
        return render_kubeconfig(
            name=name,
            server=server,
            authority=self.certificate.read_bytes(),
            certificate=Path(f"{stem}.crt").read_bytes(),
            key=Path(f"{stem}.key").read_bytes(),
        )


def render_kubeconfig(
    *, name: str, server: str, authority: bytes, certificate: bytes, key: bytes
) -> str:
    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return f"""\
apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster:
    server: {server}
    certificate-authority-data: {text(authority)}
users:
- name: {name}
  user:
    client-certificate-data: {text(certificate)}
    client-key-data: {text(key)}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
"""


def write_private(path: Path, content: str) -> None:
    """Write a file with a key, which only its owner can read at any moment, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content)
    draft.replace(path)
