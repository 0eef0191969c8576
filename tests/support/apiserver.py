"""A real API server that knows ImageBatch, for integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localcluster.controlplane import ControlPlane
from stack.places import ROOT

_CRD = ROOT / "deploy" / "crds" / "imagebatches.yaml"


@contextmanager
def with_imagebatches(
    namespace: str, *, controller_manager: bool = False
) -> Iterator[ControlPlane]:
    """Run a control plane with the CRD and an empty ``namespace`` during the block."""
    with ControlPlane(controller_manager=controller_manager) as plane:
        plane.kubectl("apply", "-f", str(_CRD))
        plane.kubectl("wait", "--for=condition=Established", "crd/imagebatches.imagebatch.dev")
        plane.kubectl("create", "namespace", namespace)
        yield plane
