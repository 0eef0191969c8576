"""Claims about S3 key pairs: each namespace has its own, unless sharing is asked for by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from imagebatch_core import names
from imagebatch_gateway.settings import Settings
from imagebatch_operator.s3_secret import S3Secret

from .conftest import NAMESPACE, HelmFailed, Rendered

Render = Callable[..., Rendered]
PAIR = {"accessKeyId": "id", "secretAccessKey": "key"}
OWN = {"shop": {"secretName": "shop-s3"}, "press": {"secretName": "press-s3"}}


def secret(chart: Rendered, namespace: str = NAMESPACE) -> S3Secret | None:
    """What the operator reads in the ConfigMap of a namespace."""
    return S3Secret.named_by(chart.one("ConfigMap", names.RUNNER_CONFIG_MAP, namespace)["data"])


def gateway(chart: Rendered) -> dict[str, Any]:
    template: dict[str, Any] = chart.one("Deployment", "imagebatch-gateway")["spec"]["template"]
    return template


def gateway_keys(chart: Rendered) -> dict[str, tuple[str, str]]:
    """The gateway's variables of S3 that come from Secrets: the Secret's name and its key."""
    container = gateway(chart)["spec"]["containers"][0]
    assert "envFrom" not in container
    refs = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e}
    aws = {name: ref for name, ref in refs.items() if name.startswith("AWS_")}
    return {name: (ref["name"], ref["key"]) for name, ref in aws.items()}


def annotations(chart: Rendered, account: str, namespace: str = NAMESPACE) -> Any:
    return chart.one("ServiceAccount", account, namespace)["metadata"].get("annotations")


def test_gateway_and_runner_use_the_existing_secret_by_its_own_names(render: Render) -> None:
    chart = render(s3={"existingSecret": "bucket", "secretKeys": {"accessKeyId": "user"}})
    assert secret(chart) == S3Secret("bucket", "user", "AWS_SECRET_ACCESS_KEY")
    assert gateway_keys(chart) == {
        "AWS_ACCESS_KEY_ID": ("bucket", "user"),
        "AWS_SECRET_ACCESS_KEY": ("bucket", "AWS_SECRET_ACCESS_KEY"),
    }
    made = {one["metadata"]["name"] for one in chart.all("Secret")}
    gateways = {names.API_KEYS_SECRET, "imagebatch-sessions"}
    assert made == {*gateways, "imagebatch-webhook-signing"}


def test_each_namespace_uses_its_own_pair_and_the_gateway_that_of_its_home(render: Render) -> None:
    own = OWN | {NAMESPACE: {"secretName": "home-s3", "secretKeys": {"secretAccessKey": "pass"}}}
    chart = render(namespaces=["shop"], runner={"namespaces": ["press"]}, s3={"credentials": own})
    assert secret(chart, "shop") == S3Secret("shop-s3")
    assert secret(chart, "press") == S3Secret("press-s3")
    assert secret(chart) == S3Secret("home-s3", secret_access_key="pass")
    assert set(gateway_keys(chart).values()) == {
        ("home-s3", "AWS_ACCESS_KEY_ID"),
        ("home-s3", "pass"),
    }


@pytest.mark.parametrize(
    ("shared", "s3"),
    [
        ({}, {"existingSecret": "bucket"}),
        ({}, PAIR),
        ({"serviceAccountAnnotations": {"role": "all"}}, {}),
        ({}, {"existingSecret": "bucket", "credentials": {"press": {"secretName": "press-s3"}}}),
    ],
)
def test_one_access_for_several_namespaces_is_refused_unless_it_is_asked_for(
    render: Render, shared: dict[str, Any], s3: dict[str, Any]
) -> None:
    values: dict[str, Any] = {"namespaces": ["press", "shop"], "runner": shared, "gateway": shared}
    with pytest.raises(HelmFailed, match=r"shop would share .*sharedCredentials=true"):
        render(**values, s3=dict(s3))
    render(**values, s3=s3 | {"sharedCredentials": True})


def test_namespaces_with_pairs_of_their_own_beside_one_shared_by_none(render: Render) -> None:
    chart = render(
        namespaces=["shop", "press"], s3={"existingSecret": "bucket", "credentials": OWN}
    )
    assert secret(chart) == S3Secret("bucket")
    assert secret(chart, "shop") == S3Secret("shop-s3")


def mounted_keys(chart: Rendered) -> dict[str, tuple[str, str]]:
    """The files of the gateway's volume of key pairs: the Secret's name and its key."""
    [volume] = [v for v in gateway(chart)["spec"]["volumes"] if v["name"] == "s3-keys"]
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def test_the_gateway_gets_the_pairs_of_the_further_namespaces_that_it_serves(
    render: Render,
) -> None:
    chart = render(
        namespaces=["shop", "press"],
        gateway={"namespaces": ["shop"]},
        s3={"existingSecret": "bucket", "credentials": OWN},
    )
    assert mounted_keys(chart) == {
        "shop/AWS_ACCESS_KEY_ID": ("shop-s3", "AWS_ACCESS_KEY_ID"),
        "shop/AWS_SECRET_ACCESS_KEY": ("shop-s3", "AWS_SECRET_ACCESS_KEY"),
    }
    folder = chart.env("imagebatch-gateway")["IMAGEBATCH_GATEWAY_S3_KEYS"]
    mounts = gateway(chart)["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "s3-keys", "mountPath": folder, "readOnly": True} in mounts


def test_two_pairs_of_one_name_cannot_lie_in_the_gateways_namespace(render: Render) -> None:
    with pytest.raises(HelmFailed, match=r"credentials\.shop\.secretName: the gateway needs"):
        render(
            namespaces=["shop"],
            gateway={"namespaces": ["shop"]},
            s3={"existingSecret": "keys", "credentials": {"shop": {"secretName": "keys"}}},
        )


def test_workload_identity_needs_no_secret(render: Render) -> None:
    chart = render(
        runner={"serviceAccountAnnotations": {"role": "runner"}},
        gateway={"serviceAccountAnnotations": {"role": "gateway"}},
    )
    assert secret(chart) is None
    assert gateway_keys(chart) == {}
    assert annotations(chart, names.RUNNER_SERVICE_ACCOUNT) == {"role": "runner"}
    assert annotations(chart, "imagebatch-gateway") == {"role": "gateway"}


def test_a_gateway_without_any_access_beside_a_runner_with_a_role_is_refused(
    render: Render,
) -> None:
    with pytest.raises(HelmFailed, match=r"set gateway\.serviceAccountAnnotations"):
        render(runner={"serviceAccountAnnotations": {"role": "runner"}})
    render(runner={"serviceAccountAnnotations": {"role": "runner"}}, gateway={"enabled": False},
           s3={"publicBaseUrl": "https://cdn.example"})  # fmt: skip


def test_a_namespace_with_credentials_of_its_own_has_no_part_in_the_common_role(
    render: Render,
) -> None:
    own = OWN | {"press": {"serviceAccountAnnotations": {"role": "press"}}}
    chart = render(
        namespaces=["shop", "press"],
        runner={"serviceAccountAnnotations": {"role": "home"}},
        gateway={"serviceAccountAnnotations": {"role": "gateway"}},
        s3={"credentials": own},
    )
    assert annotations(chart, names.RUNNER_SERVICE_ACCOUNT, "shop") is None
    assert annotations(chart, names.RUNNER_SERVICE_ACCOUNT, "press") == {"role": "press"}
    assert secret(chart, "press") is None
    assert annotations(chart, names.RUNNER_SERVICE_ACCOUNT) == {"role": "home"}


def test_a_pair_in_the_values_is_rendered_and_its_annotation_does_not_tell_it(
    render: Render,
) -> None:
    chart = render(s3=dict(PAIR))
    assert secret(chart) == S3Secret()
    data = chart.one("Secret", names.RUNNER_STORAGE_SECRET)["data"]
    text = {name: base64.b64decode(value).decode() for name, value in data.items()}
    assert text["AWS_ACCESS_KEY_ID"] == "id"
    assert len(text["salt"]) == 32
    shown = gateway(chart)["metadata"]["annotations"]["imagebatch.dev/s3-checksum"]
    assert shown == sha256(f"{text['salt']}:id:key".encode()).hexdigest()
    assert shown not in json.dumps([one for one in chart.objects if one["kind"] == "ConfigMap"])


def test_an_existing_secret_leaves_no_trace_of_its_pair(render: Render) -> None:
    assert "annotations" not in gateway(render(s3={"existingSecret": "bucket"}))["metadata"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"s3": {"credentials": {"shop": {"secretName": "shop-s3"}}}},
            "s3.credentials.shop: no batches run in that namespace",
        ),
        ({"s3": {"credentials": {NAMESPACE: {}}}}, "credentials"),
        ({"s3": {"credentials": {NAMESPACE: {"secretName": ""}}}}, "credentials"),
        (
            {
                "localS3": {"enabled": True},
                "s3": PAIR | {"credentials": {NAMESPACE: {"secretName": "own"}}},
            },
            "the local store knows one key pair alone",
        ),
    ],
)
def test_credentials_that_nobody_would_use_are_refused(
    render: Render, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(HelmFailed, match=message):
        render(**values)


def test_the_gateway_redirects_to_the_address_that_callers_reach(render: Render) -> None:
    s3 = {"existingSecret": "bucket", "externalEndpoint": "https://s3.example.com"}
    env = render(s3=s3, files={"redirect": True, "redirectSeconds": 60}).env("imagebatch-gateway")
    settings = Settings.from_env(env)

    assert settings.files_redirect
    assert settings.files_redirect_endpoint == "https://s3.example.com"
    assert settings.files_redirect_seconds == 60
    assert not Settings.from_env(render(s3=s3).env("imagebatch-gateway")).files_redirect


def test_redirects_without_a_key_pair_are_refused(render: Render) -> None:
    role = {"serviceAccountAnnotations": {"role": "r"}}
    with pytest.raises(HelmFailed, match="needs a key pair of S3"):
        render(files={"redirect": True}, runner=role, gateway=role)
