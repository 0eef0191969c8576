"""A port of this machine that leads to a Service, by ``kubectl port-forward``."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

from . import tether
from .errors import KubectlFailed
from .gateway_service import GatewayService
from .program import Kubectl

_OPEN_SECONDS = 60.0
_END_SECONDS = 10.0


class PortForward:
    """Forwards a free port of 127.0.0.1 to a Service, from :meth:`open` to :meth:`close`.

    kubectl ends with this process, however that ends: see ``tether``.
    """

    def __init__(self) -> None:
        self._tether: subprocess.Popen[bytes] | None = None
        #: The end of a pipe; closing it ends the tether.
        self._hold = -1

    def open(self, kubectl: Kubectl, service: GatewayService) -> int:
        """Return the local port. Raises KubectlFailed with kubectl's own words."""
        command = kubectl.command(
            "port-forward",
            "--address=127.0.0.1",
            f"--namespace={service.namespace}",
            f"service/{service.name}",
        )
        held, self._hold = os.pipe()
        output, written = os.pipe()
        with tempfile.TemporaryFile() as said:
            # Ctrl-C at the terminal reaches this process only, which may still have calls to make.
            self._tether = subprocess.Popen(
                [sys.executable, "-I", str(Path(tether.__file__)), str(service.port), *command],
                stdin=held,
                stdout=written,
                stderr=said,
                start_new_session=True,
            )
            os.close(held)
            os.close(written)
            line = _read(output)
            if not line:
                self.close()
                said.seek(0)
                words = said.read().decode(errors="replace").strip()
                late = f"no port after {_OPEN_SECONDS:.0f} s"
                raise KubectlFailed(f"kubectl port-forward: {words or late}")
        return int(line)

    def close(self) -> None:
        """End the forwarding; do nothing if there is none."""
        if self._tether is None:
            return
        os.close(self._hold)
        try:
            self._tether.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._tether.terminate()
            self._tether.wait()
        self._tether = None


def _read(output: int) -> bytes:
    """Return the line that is written to a pipe, nothing if it ends, or is empty for too long."""
    try:
        ready, _, _ = select.select([output], [], [], _OPEN_SECONDS)
        return os.read(output, 100) if ready else b""
    finally:
        os.close(output)
