"""Pods at which connections are opened for real: one for each place of ``support.flows``.

Places outside the cluster become addresses of the node's loopback interface, at which a pod of the
node's network listens.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.manifest import apply
from stack.stack import Stack
from support.flows import OUTSIDE, PODS, Flow

NAMESPACES = sorted({place.namespace for place in PODS.values() if place.namespace})
_PORTS = (80, 443, 5432, 6443, 8000, 8080, 9000, 9090, 9999, 10250)
_PYTHON = "/opt/imagebatch/bin/python3"
_HOST = "outside"
_READY_SECONDS = 120.0
_GONE = ("--ignore-not-found",)
#: How long kube-router may take to apply policies and pods that have just been created.
_SETTLE_SECONDS = 30.0

#: Arguments: addresses to listen at, ports, and whether the addresses are added to ``lo`` first.
_LISTEN = """
import fcntl, json, signal, socket, struct, sys, threading
addresses, ports, add = json.loads(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def change(call, name, address):
    request = struct.pack("16sH2x4s8x", name, socket.AF_INET, socket.inet_aton(address))
    fcntl.ioctl(control, call, request)

def serve(listener):
    while True:
        listener.accept()[0].close()

names = [f"lo:{number}".encode() for number, _ in enumerate(addresses)] if add else []
try:
    for name, address in zip(names, addresses):
        change(0x8916, name, address)
        change(0x891C, name, "255.255.255.255")
    for address in addresses:
        for port in ports:
            listener = socket.create_server((address, port))
            threading.Thread(target=serve, args=[listener], daemon=True).start()
    print("listening", flush=True)
    signal.pause()
finally:
    for name in names:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", name, 0))
"""
#: Prints which of the given pairs of address and port accept a connection. A refusal may be silent:
#: the kernel sends few of the packets that tell of one.
_DIAL = """
import concurrent.futures, json, socket, sys

def accepts(target):
    try:
        socket.create_connection(tuple(target), 3).close()
    except OSError:
        return False
    return True

targets = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(accepts, targets))))
"""
_RESOLVE = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"


class Field:
    """The pods; ``image`` is one that has Python."""

    def __init__(self, stack: Stack, image: str) -> None:
        self._stack = stack
        self._image = image
        self._addresses: dict[str, str] = {name: place.address for name, place in OUTSIDE.items()}

    def create(self) -> None:
        """Create namespaces and pods, and wait until all of them listen."""
        apply(self._stack, *(_namespace(name) for name in NAMESPACES))
        apply(
            self._stack,
            self._host_pod(),
            *(self._pod(name) for name in PODS),
        )
        end = time.monotonic() + _READY_SECONDS
        for name, place in [*PODS.items(), (_HOST, PODS["database"])]:
            where = ["-n", str(place.namespace), "wait", "--for=condition=Ready"]
            left = max(1, int(end - time.monotonic()))
            self._stack.kubectl(*where, f"pod/{_pod_name(name)}", f"--timeout={left}s")
        for name, place in PODS.items():
            found = ["-n", str(place.namespace), "get", "pod", _pod_name(name)]
            self._addresses[name] = self._stack.kubectl(*found, "-o", "jsonpath={.status.podIP}")

    def delete(self) -> None:
        # The pod outside first: its end takes the addresses off the node.
        place = PODS["database"]
        self._stack.kubectl("-n", str(place.namespace), "delete", "pod", _HOST, *_GONE)
        self._stack.kubectl("delete", "namespace", *NAMESPACES, *_GONE, "--wait=false")

    def wrong(self, flows: Iterable[Flow]) -> list[Flow]:
        """Return the flows that do not end as they should, after the time that policies take."""
        expected = list(flows)
        end = time.monotonic() + _SETTLE_SECONDS
        while True:
            found = self.passing((source, to, port) for source, to, port, _ in expected)
            wrong = [flow for flow in expected if found[flow[:3]] is not flow[3]]
            if not wrong or time.monotonic() > end:
                return wrong
            time.sleep(1)

    def passing(self, flows: Iterable[tuple[str, str, int]]) -> Mapping[tuple[str, str, int], bool]:
        """Open each connection, and return which are accepted."""
        by_source: dict[str, list[tuple[str, int]]] = {}
        for source, to, port in flows:
            by_source.setdefault(source, []).append((to, port))
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(self._dial, by_source, by_source.values())
        return {
            (source, *target): accepted
            for (source, targets), answers in zip(by_source.items(), found, strict=True)
            for target, accepted in zip(targets, answers, strict=True)
        }

    def resolve(self, source: str, name: str) -> str:
        """Return the address that the cluster's DNS gives a pod."""
        return self._run(source, _RESOLVE, name).strip()

    def at(self, name: str, address: str) -> None:
        """Give an address of the cluster a name that flows may use as destination."""
        self._addresses[name] = address

    def _dial(self, source: str, targets: list[tuple[str, int]]) -> list[bool]:
        pairs = [(self._addresses[to], port) for to, port in targets]
        answers: list[bool] = json.loads(self._run(source, _DIAL, json.dumps(pairs)))
        return answers

    def _run(self, source: str, program: str, *arguments: str) -> str:
        where = ["-n", str(PODS[source].namespace), "exec", _pod_name(source), "--"]
        return self._stack.kubectl(*where, _PYTHON, "-c", program, *arguments)

    def _pod(self, name: str) -> dict[str, Any]:
        place = PODS[name]
        pod = self._listening(["0.0.0.0"], add=False)
        pod["metadata"] = {
            "name": _pod_name(name),
            "namespace": place.namespace,
            "labels": dict(place.labels),
        }
        return pod

    def _host_pod(self) -> dict[str, Any]:
        pod = self._listening([place.address for place in OUTSIDE.values()], add=True)
        pod["metadata"] = {"name": _HOST, "namespace": PODS["database"].namespace}
        pod["spec"]["hostNetwork"] = True
        return pod

    def _listening(self, addresses: list[str], *, add: bool) -> dict[str, Any]:
        arguments = json.dumps([addresses, _PORTS, add])
        ready = (
            {"tcpSocket": {"port": 8000, "host": addresses[0]}}
            if add
            else {"tcpSocket": {"port": 8000}}
        )
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 5,
                "containers": [
                    {
                        "name": "place",
                        "image": self._image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": [_PYTHON, "-c", _LISTEN, arguments],
                        "readinessProbe": {**ready, "periodSeconds": 1},
                        "securityContext": {
                            "runAsUser": 0,
                            "capabilities": {"add": ["NET_ADMIN"] if add else []},
                        },
                    }
                ],
            },
        }


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _pod_name(place: str) -> str:
    return place.replace(" ", "-")
