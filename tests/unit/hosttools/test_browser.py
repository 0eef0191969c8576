from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosttools import browser
from hosttools.errors import MissingTool


def test_a_browser_that_is_there_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    own = tmp_path / "chromium-browser"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    said: list[str] = []

    assert browser.install(said.append) == str(own)
    assert said == []


def test_a_browser_that_is_missing_is_installed_with_a_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "apt-get"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f"printf '' > {tmp_path}/chromium; /bin/chmod 755 {tmp_path}/chromium\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert browser.install(lambda _: None) == str(tmp_path / "chromium")
    assert "chromium fonts-dejavu-core" in (tmp_path / "asked").read_text()


def test_who_has_no_browser_is_told_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="make browser"):
        browser.find()
