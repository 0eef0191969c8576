"""Two nights of one catalogue on a real cluster."""

from __future__ import annotations

import httpx

from e2e.manifest import get
from stack.gateway_client import follow, upload
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack

HEADER = "S. No.,Product Name,Input Image Urls\n"


def catalogue(*photos: str) -> str:
    rows = [f"{n},Cat,{SAMPLEHOST_URL}/photos/{p}.jpg\n" for n, p in enumerate(photos, 1)]
    return HEADER + "".join(rows)


def test_the_second_night_waits_for_the_first_and_takes_over_what_did_not_change(
    stack: Stack, gateway: httpx.Client
) -> None:
    monday = upload(gateway, catalogue("n/1", "n/2", "n/3"))
    tuesday = upload(gateway, catalogue("n/3", "n/1", "n/4"), reuseFrom=monday)
    status = follow(gateway, tuesday)
    first = gateway.get(f"/api/status/{monday}").json()
    assert (first["status"], status["status"]) == ("completed", "completed")
    assert (status["images"]["reused"], status["images"]["succeeded"]) == (2, 1)
    assert status["reuse"] == "2 of 3 images have an earlier output"
    assert get(stack, tuesday)["status"]["reuse"]["uid"] == get(stack, monday)["metadata"]["uid"]

    stack.batches("delete", "imagebatch", monday)
    uid = get(stack, tuesday)["metadata"]["uid"]
    assert all(f"/{uid}/images/" in url for url in status["outputImageUrls"])
    [third, one, _] = [httpx.get(url).content for url in status["outputImageUrls"]]
    [was_one, _, was_third] = [httpx.get(url).content for url in first["outputImageUrls"]]
    assert (one, third) == (was_one, was_third)
    refused = gateway.post(
        "/api/upload",
        files={"file": ("p.csv", catalogue("n/1").encode(), "text/csv")},
        data={"reuseFrom": monday},
    )
    assert refused.status_code == 422
    assert "there is no request" in refused.json()["message"]
