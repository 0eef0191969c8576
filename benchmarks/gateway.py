"""Benchmark the gateway: uploads, the check of rows, and what a read costs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from hosttools.ports import free_port
from integration.gateway.driver import NAMESPACE, Cluster, Gateway
from support.apiserver import with_imagebatches
from support.seaweedfs import SeaweedFS

from . import gateway_reads, gateway_uploads
from .section import Section

_TEXT: Final = """
The gateway as a process, between a SeaweedFS and an API server with etcd, all on this machine.

An upload is compared with a bare FastAPI application that puts an `UploadFile` into the same bucket
(`benchmarks/gateway_peer.py`) and neither reads a row nor creates anything. Both are sent the same
files in turn; CPU time and memory are those of the server's process and its children. Asked for is
a peak of at most 150 MiB for 1,000 MB.

Up to 64 MB the gateway checks every row before it answers. Asked for is half the speed of a
`csv.reader` pass over the same file that does nothing with the rows.

Each read is compared with one GET of an ImageBatch at the API server: the CPU time of the gateway
with the CPU time of the API server, and the time until the response. The gateway's metrics count
the requests to S3. The API server's metrics count the requests for ImageBatches.
The batch has 1,000,000 images in 200 shards, of which 190 are done and 4 run.
"""


def run(rounds: int) -> Section:
    rows = gateway_uploads.rows(rounds)
    with (
        tempfile.TemporaryDirectory() as folder,
        SeaweedFS() as s3,
        with_imagebatches(NAMESPACE) as plane,
    ):
        cluster = Cluster(plane)
        with _gateway(cluster, s3, Path(folder) / "uploads.log") as (gateway, _):
            uploads = gateway_uploads.run(gateway, s3)
        with _gateway(cluster, s3, Path(folder) / "reads.log") as (gateway, metrics_port):
            reads = gateway_reads.Reads(gateway, metrics_port, cluster)
            with httpx.Client(base_url=gateway.url, timeout=300) as http:
                calls = gateway_reads.run(reads, http, gateway, cluster, s3)
    return Section("gateway", "The gateway", _TEXT, [uploads, rows, calls])


@contextmanager
def _gateway(cluster: Cluster, s3: SeaweedFS, log: Path) -> Iterator[tuple[Gateway, int]]:
    """Run a gateway without limits for one caller during the block; yield it, and the port of its
    metrics."""
    metrics_port = free_port()
    gateway = Gateway(
        {
            **s3.env(),
            "KUBECONFIG": cluster.kubeconfig,
            "IMAGEBATCH_NAMESPACE": NAMESPACE,
            "IMAGEBATCH_METRICS_PORT": str(metrics_port),
            "IMAGEBATCH_UPLOADS_PER_MINUTE": "0",
            "IMAGEBATCH_UPLOAD_BYTES_PER_MINUTE": "0",
            "IMAGEBATCH_READS_PER_MINUTE": "0",
        },
        free_port(),
        log,
    )
    try:
        gateway.start()
        yield gateway, metrics_port
    finally:
        gateway.stop()
