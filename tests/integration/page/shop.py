"""A whole installation for the page's tests: API server, operator, gateway, S3, hosts, receiver.

Only the node is missing: :class:`PodRunner` runs the pods as processes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from hosttools.ports import free_port
from hosttools.service import Service
from imagebatch_core import names
from integration.gateway.driver import Gateway
from integration.operator.driver import NAMESPACE, SECRET, Operator, Receiver
from samplehost.draw import draw
from stack.places import ROOT
from support.apiserver import with_imagebatches
from support.imagehost import ImageHost
from support.podrunner import PodRunner
from support.seaweedfs import SeaweedFS

_MEDIA = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class Shop(Service):
    """``with Shop(folder) as shop:`` until ``shop.url`` answers."""

    def __init__(self, folder: Path, photos: Path) -> None:
        self._folder = folder
        self.photos = photos
        self._stack = ExitStack()

    def set_up(self) -> None:
        enter = self._stack.enter_context
        self.s3 = enter(SeaweedFS())
        self.plane = enter(with_imagebatches(NAMESPACE, controller_manager=True))
        self.host = enter(ImageHost())
        self.receiver = enter(Receiver())
        if not (self.photos / "rocket.jpg").exists():
            draw(self.photos)
        for photo in self.photos.rglob("*.*"):
            name = f"photos/{photo.relative_to(self.photos)}"
            self.host.add(name, photo.read_bytes(), _MEDIA[photo.suffix])
        self.host.html("not-an-image.jpg")
        port = free_port()
        self.gateway = self._gateway(port)
        self.url = self.gateway.url
        self._prepare()
        store = {**self.s3.env(), "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1"}
        self.pods = enter(PodRunner(self.plane.kubeconfig, NAMESPACE, store))
        self.operator = self._operator()
        self.gateway.start()
        self._stack.callback(self.gateway.stop)
        self.http = enter(httpx.Client(base_url=self.url, timeout=60))

    def tear_down(self) -> None:
        self._stack.close()

    def _gateway(self, port: int, **environment: str) -> Gateway:
        own = {
            **self.s3.env(),
            "KUBECONFIG": str(self.plane.kubeconfig),
            "IMAGEBATCH_NAMESPACE": NAMESPACE,
            "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1",
            **environment,
        }
        return Gateway(own, port, self._folder / f"gateway-{port}.log")

    def another_gateway(self, **environment: str) -> Gateway:
        """One more over the same cluster, started; it ends with the installation."""
        gateway = self._gateway(free_port(), **environment)
        gateway.start(ready=False)
        self._stack.callback(gateway.stop)
        return gateway

    def _operator(self) -> Operator:
        secret = self._folder / "signing"
        secret.write_text(SECRET)
        port = free_port()
        environment = {
            "KUBECONFIG": str(self.plane.kubeconfig),
            "IMAGEBATCH_RUNNER_IMAGE": "imagebatch-runner:test",
            "IMAGEBATCH_NAMESPACES": NAMESPACE,
            "IMAGEBATCH_LEASE_NAMESPACE": NAMESPACE,
            "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1",
            "IMAGEBATCH_SIGNING_SECRET_FILE": str(secret),
            "IMAGEBATCH_GATEWAY_URL": self.url,
            "IMAGEBATCH_GATEWAY_NAMESPACE": NAMESPACE,
            "IMAGEBATCH_HEALTH_PORT": str(port),
        }
        operator = Operator(environment, port, self._folder / "operator.log")
        self._stack.callback(operator.stop)
        operator.start()
        return operator

    def _prepare(self) -> None:
        self.kubectl("create", "serviceaccount", names.RUNNER_SERVICE_ACCOUNT)
        data = {
            names.ENV_STORE: f"s3://{self.s3.bucket}",
            names.ENV_PUBLIC_BASE_URL: f"{self.url}/files",
            "IMAGEBATCH_RETRY_BASE_SECONDS": "0.05",
            names.S3_SECRET_NAME: "",
        }
        literals = [f"--from-literal={name}={value}" for name, value in data.items()]
        self.kubectl("create", "configmap", names.RUNNER_CONFIG_MAP, *literals)

    @contextmanager
    def without_cluster(self) -> Iterator[None]:
        """Stop the API server for the block."""
        with self.pods.without_api_server(), self.plane.stopped():
            yield

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("-n", NAMESPACE, *arguments, stdin=stdin)

    def sample(self) -> str:
        """The CSV of `make demo`: seven products, eleven images of which two fail."""
        text = (ROOT / "dev/stack/products.csv").read_text(encoding="utf-8")
        return text.replace("http://samplehost:8080", self.host.url("").rstrip("/")).replace(
            "/photos/n/1.jpg", "/photos/small/01.jpg"
        )

    def upload(self, text: str, name: str = "products.csv", **options: str) -> str:
        answer = self.http.post(
            "/api/upload", files={"file": (name, text.encode(), "text/csv")}, data=options
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["requestId"])

    def status(self, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/requests/{request_id}").json()
        return found

    def wait(self, request_id: str, *states: str, seconds: float = 120) -> dict[str, Any]:
        """Until it has one of these states, by default the end."""
        wanted = states or ("completed", "failed", "cancelled")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = self.status(request_id)
            if told["status"] in wanted:
                return told
            time.sleep(0.3)
        raise AssertionError(f"not {wanted} within {seconds} s: {json.dumps(told)[:2000]}")

    def apply(self, *objects: dict[str, Any]) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
