"""A process that keeps ``kubectl port-forward`` running until its own standard input ends.

The plugin holds the other end of that pipe: however the plugin ends, also by SIGKILL, the kernel
closes it, and then kubectl is ended too. kubectl itself ends with the pod that it forwards to; it
is started again, at the same local port.

The plugin runs this file by its path, because the whole package takes longer to import. Arguments:
the port of the Service, and the command line of kubectl without the ports. Writes the local port
once it is open; if kubectl ends before that, so does this process.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from types import FrameType

_STDIN = 0
_FORWARDS = re.compile(rb"^Forwarding from [^ ]*:(\d+) -> ", re.MULTILINE)
_AGAIN_SECONDS = 0.5
_END_SECONDS = 5.0


class Unwanted(Exception):
    """Standard input has ended, or this process was told to end."""


def keep_forwarding(command: list[str], remote: str) -> int:
    """Forward a local port for as long as it is wanted.

    Returns the exit code of kubectl if it could not begin. Raises Unwanted.
    """
    local = ""
    while True:
        output, written = os.pipe()
        process = subprocess.Popen(
            [*command, f"{local}:{remote}"],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.DEVNULL if local else None,
        )
        os.close(written)
        try:
            local = _follow(output, local)
            code = process.wait()
        finally:
            _end(process)
            os.close(output)
        if not local:
            return code or 1
        _wait_for(None, _AGAIN_SECONDS)


def _follow(output: int, local: str) -> str:
    """Read what kubectl writes until it ends; return the local port, which is written once."""
    said = b""
    while True:
        _wait_for(output, None)
        chunk = os.read(output, 4096)
        if not chunk:
            return local
        if not local:
            said += chunk
            if found := _FORWARDS.search(said):
                local = found[1].decode()
                print(local, flush=True)  # noqa: T201 - the plugin reads it


def _wait_for(output: int | None, seconds: float | None) -> None:
    """Wait until ``output`` can be read or the time is over. Raises Unwanted."""
    sources = [_STDIN] if output is None else [_STDIN, output]
    ready, _, _ = select.select(sources, [], [], seconds)
    if _STDIN in ready and not os.read(_STDIN, 4096):
        raise Unwanted


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _unwanted(_number: int, _frame: FrameType | None) -> None:
    raise Unwanted


def main() -> int:
    """Forward until standard input ends."""
    signal.signal(signal.SIGTERM, _unwanted)
    remote, *command = sys.argv[1:]
    try:
        return keep_forwarding(command, remote)
    except Unwanted:
        return 0


if __name__ == "__main__":
    sys.exit(main())
