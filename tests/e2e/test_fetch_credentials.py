"""The Secret of request headers, mounted into real pods."""

from __future__ import annotations

import json

import httpx

from e2e.manifest import get
from stack.gateway_client import follow, upload
from stack.samplehost_manifests import CREDENTIALS, MEMBERS_URL
from stack.stack import Stack

CSV = f"S. No.,Product Name,Input Image Urls\n1,Cat,{MEMBERS_URL}/members/chelsea.jpg\n"


def test_a_host_that_wants_a_token_gets_it_from_the_secret_and_nobody_else_does(
    stack: Stack, gateway: httpx.Client
) -> None:
    assert httpx.get(f"{stack.samplehost}/members/chelsea.jpg").status_code == 401
    request_id = upload(gateway, CSV)
    status = follow(gateway, request_id)
    assert (status["status"], status["images"]["succeeded"]) == ("completed", 1)
    # The operator names the Secret to the pod; no value of it is in a resource or in a result.
    batch = json.dumps(get(stack, request_id))
    report = gateway.get(f"/api/download/{request_id}").text
    token = stack.secret(CREDENTIALS, "token")
    assert token not in batch + report
