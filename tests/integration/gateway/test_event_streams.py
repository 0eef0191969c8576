"""The limit on event streams, on connections that callers open and break."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx

from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import Cluster

CSV = "S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"


def test_a_broken_connection_gives_its_stream_back(
    make_gateway: GatewayMaker, cluster: Cluster
) -> None:
    gateway = make_gateway(IMAGEBATCH_EVENT_STREAMS_PER_CALLER="2")
    gateway.start()
    cluster.apply("streamed", source={"inline": CSV})
    call = f"{gateway.url}/api/requests/streamed/events"
    with ExitStack() as streams:
        for _ in range(2):
            stream = streams.enter_context(httpx.stream("GET", call, timeout=60))
            assert stream.status_code == 200
        refused = httpx.get(call, timeout=60)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    end = time.monotonic() + 60
    while True:
        with httpx.stream("GET", call, timeout=60) as again:
            if again.status_code == 200:
                break
        assert time.monotonic() < end
        time.sleep(0.2)
