"""Claims about the file of request headers: to whom they go, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.spec import Output
from imagebatch_runner.fetch.credentials import NO_CREDENTIALS, Credentials
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.local.run_options import RunOptions
from imagebatch_runner.settings import Settings

SECRET = "s3cr3t-value"


def parsed(**entries: Any) -> Credentials:
    return Credentials.parse(json.dumps(entries))


def key_for(pattern: str, *, plain: bool = False) -> Credentials:
    return parsed(**{pattern: {"headers": {"X-Api-Key": SECRET}, "plainHttp": plain}})


@pytest.mark.parametrize(
    ("pattern", "host", "port"),
    [
        ("images.example.com", "images.example.com", 443),
        ("Images.Example.com", "images.example.com.", 443),
        ("images.example.com:8443", "images.example.com", 8443),
        ("*.example.com", "a.example.com", 443),
        ("*.example.com", "a.b.example.com", 443),
        ("*.example.com:8443", "a.example.com", 8443),
        ("bücher.example", "xn--bcher-kva.example", 443),
        ("10.0.0.7:8443", "10.0.0.7", 8443),
        ("[::1]:8443", "::1", 8443),
    ],
)
def test_headers_go_to_the_host_of_their_entry(pattern: str, host: str, port: int) -> None:
    assert key_for(pattern).headers("https", host, port) == {"X-Api-Key": SECRET}


@pytest.mark.parametrize(
    ("pattern", "scheme", "host", "port"),
    [
        ("images.example.com", "https", "example.com", 443),
        ("images.example.com", "https", "a.images.example.com", 443),
        ("images.example.com", "https", "images.example.com.evil.example", 443),
        ("images.example.com", "https", "evilimages.example.com", 443),
        ("images.example.com", "https", "images.example.com", 8443),
        ("images.example.com:8443", "https", "images.example.com", 443),
        ("*.example.com", "https", "example.com", 443),
        ("*.example.com", "https", "badexample.com", 443),
        ("images.example.com", "http", "images.example.com", 80),
        ("images.example.com:443", "http", "images.example.com", 443),
    ],
)
def test_headers_go_nowhere_else(pattern: str, scheme: str, host: str, port: int) -> None:
    assert key_for(pattern).headers(scheme, host, port) == {}


def test_plain_http_takes_a_word_of_the_entry() -> None:
    assert key_for("a.example", plain=True).headers("http", "a.example", 80)
    assert key_for("a.example", plain=True).headers("https", "a.example", 443)


def test_closest_entry_counts_alone() -> None:
    entries = {
        "*.example.com": {"headers": {"X-Which": "wide"}},
        "*.img.example.com": {"headers": {"X-Which": "narrow"}},
        "a.img.example.com": {"headers": {"X-Other": "exact"}},
    }
    found = parsed(**entries)
    assert found.headers("https", "a.img.example.com", 443) == {"X-Other": "exact"}
    assert found.headers("https", "b.img.example.com", 443) == {"X-Which": "narrow"}
    assert found.headers("https", "c.example.com", 443) == {"X-Which": "wide"}


def test_bearer_and_basic_become_authorization() -> None:
    bearer = parsed(**{"a.example": {"bearer": "tok"}})
    assert bearer.headers("https", "a.example", 443) == {"Authorization": "Bearer tok"}
    basic = parsed(**{"a.example": {"basic": {"user": "Aladdin", "password": "open sesame"}}})
    sent = basic.headers("https", "a.example", 443)
    assert sent == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}  # RFC 7617, 2


@pytest.mark.parametrize(
    "entry",
    [
        {"headers": {"Host": SECRET}},
        {"headers": {"content-length": SECRET}},
        {"headers": {"Transfer-Encoding": SECRET}},
        {"headers": {"Connection": SECRET}},
        {"headers": {"Accept-Encoding": SECRET}},
        {"headers": {"Range": SECRET}},
        {"headers": {"X-A": f"{SECRET}\r\nX-B: 1"}},
        {"headers": {"X-A": f"{SECRET}\n"}},
        {"headers": {"X-A": f" {SECRET}"}},
        {"headers": {"X-A": f"{SECRET}\0"}},
        {"headers": {"X-A": f"{SECRET}é"}},
        {"headers": {"X-A": ""}},
        {"headers": {f"X A: {SECRET}": "1"}},
        {"headers": {f"X-A\r\nX-B: {SECRET}": "1"}},
        {"headers": {"X-A": SECRET, "x-a": SECRET}},
        {"headers": {"X-A": 17, "X-B": SECRET}},
        {"headers": [SECRET]},
        {"bearer": f"{SECRET}\r\nX-B: 1"},
        {"bearer": SECRET, "headers": {"authorization": SECRET}},
        {"bearer": SECRET, "basic": {"user": "u", "password": SECRET}},
        {"basic": {"user": f"u:{SECRET}", "password": "p"}},
        {"basic": {"user": "u", "password": SECRET, SECRET: 1}},
        {"basic": SECRET},
        {SECRET: SECRET},
        {},
        SECRET,
        [SECRET],
        None,
    ],
)
def test_wrong_entry_is_refused_by_its_name_and_never_by_its_value(entry: Any) -> None:
    with pytest.raises(ConfigurationRefused, match=r"entry 'a\.example'") as refused:
        parsed(**{"b.example": {"bearer": "fine"}, "a.example": entry})
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "name",
    [
        f"https://u:{SECRET}@a.example/", "https://a.example", "a.example/path", "*", "*.com", "",
        "a.*.example", "**.example.com", "a.example:0", "a.example:99999", "a..b", "s3://",
        f"s3://b/{SECRET}", "a b.example",
    ],
)  # fmt: skip
def test_name_that_is_no_host_is_refused_by_its_number(name: str) -> None:
    with pytest.raises(ConfigurationRefused, match="entry 2: ") as refused:
        parsed(**{"b.example": {"bearer": "fine"}, name: {"bearer": SECRET}})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        f"{{{SECRET}", f'["{SECRET}"]', f'"{SECRET}"', "", "[" * 100_000,
        f'{{"a.example": {{"bearer": "{SECRET}", "bearer": "x"}}}}',
        f'{{"a.example": {{"bearer": "{SECRET}"}}, "A.example": {{"bearer": "x"}}}}',
    ],
)  # fmt: skip
def test_file_that_is_no_such_json_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_FETCH_CREDENTIALS_FILE") as refused:
        Credentials.parse(text)
    assert SECRET not in str(refused.value)


def test_file_that_is_not_there_is_refused_and_none_is_no_credentials(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="nothing: No such file"):
        Credentials.load(str(tmp_path / "nothing"))
    assert Credentials.load("").headers("https", "a.example", 443) == {}


@pytest.mark.parametrize(
    "entry",
    [
        {"accessKeyId": SECRET},
        {"sessionToken": SECRET},
        {"accessKeyId": "id", "secretAccessKey": SECRET, "anonymous": True},
        {"endpoint": "https://s3.example"},
        {"endpoint": f"https://u:{SECRET}@s3.example", "anonymous": True},
        {"endpoint": "s3.example", "anonymous": True},
        {"region": "x.evil.example/"},
        {"headers": {"X-A": SECRET}},
    ],
)
def test_wrong_bucket_entry_is_refused_by_its_name(entry: Any) -> None:
    with pytest.raises(ConfigurationRefused, match="entry 's3://catalogue'") as refused:
        parsed(**{"s3://catalogue": entry})
    assert SECRET not in str(refused.value)


def test_values_show_in_no_representation_and_are_taken_out_of_texts() -> None:
    entries = {
        "a.example": {"headers": {"X-Api-Key": SECRET, "Authorization": "Token 0123456789"}},
        "b.example": {"basic": {"user": "u", "password": "pass-word"}},
        "s3://bucket": {"accessKeyId": "AKIA0000", "secretAccessKey": "key-of-bucket"},
    }
    found = parsed(**entries)
    told = ["0123456789", SECRET, "pass-word", "dTpwYXNzLXdvcmQ=", "key-of-bucket", "AKIA0000"]
    for value in told:
        assert value not in repr(found)
        assert found.redacted(f"403 {value}!") == "403 …!"
    assert found.redacted("404 Not Found") == "404 Not Found"


def test_keys_of_the_store_show_in_no_representation() -> None:
    env = {"AWS_SECRET_ACCESS_KEY": SECRET}
    sources = S3Sources("shop", S3AllowList(), NO_CREDENTIALS, env)
    assert SECRET not in repr((sources, RunOptions(Output(), 0, Settings(), env)))
