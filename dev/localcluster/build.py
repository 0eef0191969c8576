"""The binary with every program of Kubernetes, built once and kept in the cache."""

from __future__ import annotations

from pathlib import Path

from localcluster.gobuild import GoProgram

KUBERNETES = "v1.34.4"
PAUSE = "pause"
PROGRAMS = (
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)


def linker_flags() -> tuple[str, ...]:
    """Return linker flags that make the binary small and set its version.

    Without them nodes would report version v0.0.0.
    """
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    version = "k8s.io/component-base/version"
    return (
        "-s",
        "-w",
        f"-X {version}.gitVersion={KUBERNETES}",
        f"-X {version}.gitMajor={major}",
        f"-X {version}.gitMinor={minor}",
    )


KUBE = GoProgram(
    name="kube",
    title="Kubernetes",
    version=KUBERNETES,
    sources=Path(__file__).resolve().parent.parent / "kube",
    flags=linker_flags(),
    packages={"kube": ".", PAUSE: "./pause"},
    links=PROGRAMS,
    lasts="5 to 15 minutes",
)
ensure = KUBE.ensure
