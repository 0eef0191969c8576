"""What `imagebatch login` keeps, and for which gateway it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagebatch.cli import login_file
from imagebatch.cli.context import Gateway
from imagebatch.cli.login_file import Login

KEPT = Login(url="https://g.example", token="ibk_kept", namespace="shop")


def test_only_its_user_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "imagebatch" / "login.json"
    assert login_file.read(path) is None
    login_file.write(path, Login(url="https://other.example"))
    login_file.write(path, KEPT)
    assert login_file.read(path) == KEPT
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "login.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        login_file.read(path)


def test_what_is_kept_counts_unless_something_is_given() -> None:
    kept = Gateway.of(None, None, None, KEPT)
    assert (kept.url, kept.token, kept.namespace) == ("https://g.example", "ibk_kept", "shop")
    given = Gateway.of("https://g.example/", "ibk_given", "other", KEPT)
    assert (given.token, given.namespace) == ("ibk_given", "other")


def test_a_kept_token_goes_to_no_other_gateway() -> None:
    other = Gateway.of("https://other.example", None, None, KEPT)
    assert (other.url, other.token, other.namespace) == ("https://other.example", None, None)
