from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import ExitCode
from imagebatch_gateway import settings as module
from imagebatch_gateway.settings import Settings

BASE = {"IMAGEBATCH_NAMESPACE": "shop", "IMAGEBATCH_STORE": "s3://b"}


def test_a_store_is_all_that_a_pod_must_be_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "namespace"
    own.write_text("bakery\n")
    monkeypatch.setattr(module, "_SERVICE_ACCOUNT_NAMESPACE", own)
    settings = Settings.from_env({"IMAGEBATCH_STORE": "s3://b"})

    assert settings.namespace == "bakery"
    assert (settings.gateway_url, settings.max_upload_bytes) == (None, 1024**3)


def test_links_do_not_depend_on_a_slash_at_the_end_of_the_public_address() -> None:
    settings = Settings.from_env({**BASE, "IMAGEBATCH_GATEWAY_URL": "https://g.example/"})

    assert settings.gateway_url == "https://g.example"


@pytest.mark.parametrize("missing", ["IMAGEBATCH_NAMESPACE", "IMAGEBATCH_STORE"])
def test_a_missing_setting_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERVICE_ACCOUNT_NAMESPACE", Path("/nowhere"))
    with pytest.raises(ConfigurationRefused, match=f"{missing} is not set"):
        Settings.from_env({name: value for name, value in BASE.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_UPLOAD_BYTES", "1GiB"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("UPLOADS_AT_ONCE", "-1"),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80"),
        ("GATEWAY_PORT", "70000"),
        ("GATEWAY_URL", "images.example.com"),
        ("NAMESPACE", "Shop"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationRefused, match=f"IMAGEBATCH_{name}='{value}': "):
        Settings.from_env({**BASE, f"IMAGEBATCH_{name}": value})


def test_a_wrong_setting_ends_the_process_with_one_line_and_exit_code_3() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "imagebatch_gateway"],
        env={**os.environ, **BASE, "IMAGEBATCH_STORE": "images"},
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = ended.stdout.splitlines()

    assert ended.returncode == ExitCode.CONFIGURATION_REFUSED
    assert "IMAGEBATCH_STORE='images'" in json.loads(line)["message"]
    assert ended.stderr == ""
