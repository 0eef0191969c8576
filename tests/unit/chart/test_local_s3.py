"""The SeaweedFS that the chart can put beside the release."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
import yaml

from stack import release
from unit.chart.conftest import NAMESPACE, Rendered

LOCAL = release.VALUES
Render = Callable[..., Rendered]
KEYS = {"accessKeyId": "key", "secretAccessKey": "secret"}


def test_an_installation_has_no_store_of_its_own_unless_asked(render: Render) -> None:
    chart = render()
    assert "imagebatch-local-s3" not in {one["metadata"]["name"] for one in chart.objects}


def local(render: Render) -> Rendered:
    values = yaml.safe_load(LOCAL.read_text())
    values["s3"] |= KEYS
    return render(**values)


def test_the_local_values_make_a_store_that_everything_is_pointed_at(render: Render) -> None:
    chart = local(render)
    address = f"http://imagebatch-local-s3.{NAMESPACE}.svc:8333"
    assert chart.env("imagebatch-gateway")["AWS_ENDPOINT_URL"] == address
    runner = chart.one("ConfigMap", "imagebatch-runner")["data"]
    assert (runner["AWS_ENDPOINT_URL"], runner["IMAGEBATCH_STORE"]) == (address, "s3://imagebatch")
    service = chart.one("Service", "imagebatch-local-s3")["spec"]
    assert service["ports"][0]["port"] == 8333
    pod = chart.one("Deployment", "imagebatch-local-s3")["spec"]["template"]
    assert pod["metadata"]["labels"] == service["selector"]


def test_the_store_knows_the_key_pair_that_gateway_and_runner_use(render: Render) -> None:
    chart = local(render)
    secret = chart.one("Secret", "imagebatch-local-s3")["data"]["s3.json"]
    (identity,) = json.loads(base64.b64decode(secret))["identities"]
    assert identity["credentials"] == [{"accessKey": "key", "secretKey": "secret"}]
    used = chart.one("Secret", "imagebatch-s3")["data"]
    assert base64.b64decode(used["AWS_ACCESS_KEY_ID"]) == b"key"


def test_nothing_of_the_store_but_s3_itself_answers_to_other_pods(render: Render) -> None:
    """SeaweedFS' filer and master take requests without any key."""
    chart = local(render)
    pod = chart.one("Deployment", "imagebatch-local-s3")["spec"]["template"]
    flags = pod["spec"]["containers"][0]["command"]
    bound = [flag for flag in flags if "bind=" in flag]
    assert bound == ["-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0"]
    policy = chart.one("NetworkPolicy", "imagebatch-local-s3")["spec"]
    assert policy["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8333}]}]
    assert policy["egress"] == []


def test_a_store_without_a_key_pair_is_refused(render: Render) -> None:
    with pytest.raises(Exception, match=r"localS3\.enabled needs"):
        render(localS3={"enabled": True})


def test_an_endpoint_that_is_named_stays_the_one_that_is_used(render: Render) -> None:
    s3 = {"endpoint": "http://elsewhere:9000", **KEYS}
    chart = render(localS3={"enabled": True}, s3=s3)
    assert chart.env("imagebatch-gateway")["AWS_ENDPOINT_URL"] == "http://elsewhere:9000"
