"""A wrong setting is refused by its name, before the operator does anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from imagebatch_core.environment import variable
from imagebatch_core.errors import ConfigurationRefused
from imagebatch_operator.settings import DEFAULT_RESOURCES, Settings

IMAGE = {"IMAGEBATCH_RUNNER_IMAGE": "runner:1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEALTH_PORT", "eighty"),
        ("HEALTH_PORT", "0"),
        ("WORKERS", "0"),
        ("RUNNING_BATCHES", "0"),
        ("CEILINGS", "{"),
        ("RUNNER_OVERRIDES", '{"podLabels": ["*"]}'),
        ("RUNNER_OVERRIDES", '{"podLabels": ["imagebatch.dev/*"]}'),
        ("CEILINGS", '{"pods": 3}'),
        ("CEILINGS", '{"images": 0}'),
        ("RESYNC_SECONDS", "-1"),
        ("RUNNER_PULL_POLICY", "Sometimes"),
        ("RUNNER_RESOURCES", "{cpu: 1}"),
        ("RUNNER_RESOURCES", '{"limit": {"cpu": 1}}'),
        ("RUNNER_PLACEMENT", '{"hostNetwork": true}'),
        ("RUNNER_PLACEMENT", "[]"),
        ("RUNNER_POD_ANNOTATIONS", '{"a": {}}'),
        ("SOURCE_PREFIXES", '{"shop": "feeds/"}'),
        ("SOURCE_PREFIXES", '{"shop": [""]}'),
        ("SOURCE_PREFIXES", '{"shop": ["/feeds"]}'),
        ("SOURCE_PREFIXES", '{"shop": ["feeds/../press"]}'),
        ("NAMESPACES", "shop,Shop"),
        ("FETCH_ALLOW", "https://a.example"),
        ("GATEWAY_URL", "gateway.example"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "yaml"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variables_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationRefused, match=f"^IMAGEBATCH_{name}"):
        Settings.from_env(IMAGE | {f"IMAGEBATCH_{name}": value})


def test_a_missing_image_is_refused_with_what_it_is_for() -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_RUNNER_IMAGE is not set: Image of"):
        Settings.from_env({})


def test_lists_and_json_are_read() -> None:
    settings = Settings.from_env(
        IMAGE
        | {
            "IMAGEBATCH_NAMESPACES": "shop, studio,",
            "IMAGEBATCH_SOURCE_PREFIXES": '{"shop": ["feeds/"]}',
            "IMAGEBATCH_RUNNER_RESOURCES": "{}",
            "IMAGEBATCH_FETCH_ALLOW": "10.0.0.0/8",
            "IMAGEBATCH_GATEWAY_URL": "https://images.example/",
            "IMAGEBATCH_LEASE_NAMESPACE": "",
        }
    )
    assert settings.namespaces == ("shop", "studio")
    assert settings.source_prefixes == {"shop": ["feeds/"]}
    assert settings.runner_resources == DEFAULT_RESOURCES, "a runner needs a limit of memory"
    assert settings.egress_rules.refusal("hook.example", "10.1.2.3") is None
    assert settings.gateway_url == "https://images.example"
    assert settings.lease_namespace is None


def test_the_process_ends_with_3_and_a_line_of_log_that_names_the_variable() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imagebatch_operator"],
        env=os.environ | IMAGE | {"IMAGEBATCH_LOG_LEVEL": "wrong"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    [line] = done.stderr.splitlines()
    assert json.loads(line)["level"] == "error"
    assert "IMAGEBATCH_LOG_LEVEL='wrong'" in json.loads(line)["message"]


def test_every_setting_says_what_it_means() -> None:
    silent = [variable(n) for n, f in Settings.model_fields.items() if not f.description]
    assert silent == []
