"""A real API server, a real S3, batches of the real runner, and the sweeper as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore
import pytest

from imagebatch_core.keys import BatchKeys
from imagebatch_core.names import API_VERSION, KIND
from localcluster.controlplane import ControlPlane
from localcluster.tied import tied
from support.apiserver import with_imagebatches
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch, products
from support.seaweedfs import SeaweedFS

NAMESPACE = "shop"
#: Everything goes as soon as nobody needs it.
AT_ONCE = {
    "IMAGEBATCH_SWEEP_DELETED_MINUTES": "0",
    "IMAGEBATCH_SWEEP_UPLOADS_HOURS": "0",
    "IMAGEBATCH_SWEEP_UNFINISHED_HOURS": "0",
}


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with with_imagebatches(NAMESPACE) as started:
        yield started


@dataclass
class Swept:
    """How a run of the sweeper ended."""

    code: int
    lines: list[dict[str, Any]]

    @property
    def messages(self) -> str:
        return "\n".join(line["message"] for line in self.lines)


@dataclass
class Shop:
    """The namespace: its ImageBatches, its part of the bucket, and the sweeper."""

    plane: ControlPlane
    s3: SeaweedFS
    host: ImageHost
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("-n", NAMESPACE, *arguments, stdin=stdin)

    def create(self, name: str, **spec: Any) -> str:
        """Create an ImageBatch and return its uid."""
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"source": {"url": "https://a.example/a.csv"}, **spec},
        }
        made = self.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(body))
        return str(json.loads(made)["metadata"]["uid"])

    def delete(self, *names: str) -> None:
        self.kubectl("delete", "imagebatch", *names)

    def runner(self, name: str, uid: str, policy: str = "Retain", **job: Any) -> RunnerBatch:
        """The runner's side of an ImageBatch: four images, in two shards."""
        urls = [self.host.add(f"{name}-{n}.jpg", jpeg(size=(60 + n, 40))) for n in range(4)]
        made = RunnerBatch.of(
            self.s3, self.folder, products(urls), name=name, imagesPerShard=2,
            deletionPolicy=policy, asked={"createdAt": "2026-11-01T00:00:00Z"}, **job,
        )  # fmt: skip
        made.uid = uid
        return made

    def ended(self, name: str, policy: str = "Retain", **spec: Any) -> RunnerBatch:
        """An ImageBatch and all that its pods leave in the bucket."""
        uid = self.create(name, deletionPolicy=policy, **spec)
        made = self.runner(name, uid, policy)
        made.run_all()
        return made

    def put(self, key: str, data: bytes = b"x") -> str:
        obstore.put(self.s3.store(), key, data)
        return key

    def put_all(self, keys: Iterable[str]) -> None:
        store = self.s3.store()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: obstore.put(store, key, b"x"), keys))

    def listed(self, prefix: str = "") -> list[str]:
        found = obstore.list(self.s3.store(), prefix or f"{NAMESPACE}/").collect()
        return sorted(item["path"] for item in found)

    def of(self, batch: RunnerBatch) -> list[str]:
        return self.listed(BatchKeys.of(NAMESPACE, batch.uid).root)

    def start(self, *arguments: str, **changed: str) -> subprocess.Popen[str]:
        """Begin a run of the sweeper; :meth:`wait` gives its end."""
        return subprocess.Popen(
            tied(sys.executable, "-m", "imagebatch_sweep", *arguments),
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "KUBECONFIG": str(self.plane.kubeconfig),
                "IMAGEBATCH_NAMESPACE": NAMESPACE,
                **self.s3.env(), **AT_ONCE, **self.env, **changed,
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self, process: subprocess.Popen[str]) -> Swept:
        try:
            out, errors = process.communicate(timeout=120)
        finally:
            process.kill()
            process.wait()
        assert errors == ""
        return Swept(process.returncode, [json.loads(line) for line in out.splitlines()])

    def sweep(self, *arguments: str, **changed: str) -> Swept:
        return self.wait(self.start(*arguments, **changed))


@pytest.fixture
def shop(plane: ControlPlane, s3: SeaweedFS, host: ImageHost, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(plane, s3, host, tmp_path)
    # Tests of the runner leave objects in the same namespace.
    obstore.delete(s3.store(), made.listed())
    yield made
    made.kubectl("delete", "imagebatches", "--all")
    obstore.delete(s3.store(), made.listed())


@pytest.fixture
def snapshot(shop: Shop) -> Callable[[], list[str]]:
    """The keys of the namespace, without the sweeper's own."""
    own = (f"{NAMESPACE}/sweep.json", f"{NAMESPACE}/sweep/")
    return lambda: [key for key in shop.listed() if not key.startswith(own)]
