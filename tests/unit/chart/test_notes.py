"""What Helm tells whoever installs the chart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import CHART, REGISTRY, helm

#: Notes are shown by an installation alone; here they are rendered into an object.
_SHOWN = """
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  text: {{ tpl (.Files.Get "files/notes.txt") . | quote }}
"""


def notes(folder: Path, **values: Any) -> str:
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "files" / "notes.txt")
    (chart / "templates" / "notes.yaml").write_text(_SHOWN)
    values["s3"] = {"bucket": "pictures", **values.get("s3", {})}
    values["images"] = {"registry": REGISTRY}
    text = helm("template", "ib", str(chart), "-s", "templates/notes.yaml", values=values)
    shown: str = yaml.safe_load(text)["data"]["text"]
    return shown


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"egress": {"allow": ["catalogue.shop.svc"]}}, True),
        ({"egress": {"allow": ["10.0.0.0/8", "10.1.2.3", "fd00::1", "fd00::/8"]}}, False),
        ({}, False),
        (
            {
                "egress": {"allow": ["catalogue.shop.svc"]},
                "networkPolicy": {"extraEgress": [{"ports": [{"port": 8080}]}]},
            },
            False,
        ),
        ({"egress": {"allow": ["a.example"]}, "networkPolicy": {"enabled": False}}, False),
    ],
)
def test_names_that_no_network_policy_lets_through_are_told(
    tmp_path: Path, values: dict[str, Any], told: bool
) -> None:
    text = notes(tmp_path, **values)
    assert ("networkPolicy.extraEgress" in text) == told
    assert "lifecycle rule" in text


def test_secrets_that_the_user_keeps_are_named_until_they_exist(tmp_path: Path) -> None:
    text = notes(
        tmp_path,
        namespaces=["shop"],
        s3={"existingSecret": "bucket-keys", "credentials": {"shop": {"secretName": "shop-s3"}}},
        runner={"fetchCredentials": {"secretName": "headers"}},
        webhook={"signing": {"existingSecret": "ours"}},
    )
    for secret in (
        "/bucket-keys (AWS_",
        "shop/shop-s3 (AWS_",
        "shop/headers (credentials.json)",
        "/ours (secret)",
    ):
        assert secret in text


def test_nothing_is_said_of_secrets_that_the_chart_makes(tmp_path: Path) -> None:
    assert "Secrets that you keep" not in notes(tmp_path)
