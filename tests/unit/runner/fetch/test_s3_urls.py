"""Claims about s3:// image URLs: their form, and that a batch names no other tenant's object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_runner.fetch.s3_urls import S3AllowList, S3Object, S3UrlRefused


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("s3://catalogue/a.jpg", "catalogue", "a.jpg"),
        ("S3://catalogue/a/b.jpg", "catalogue", "a/b.jpg"),
        ("s3://my.bucket-1/a b/ü.jpg", "my.bucket-1", "a b/ü.jpg"),
        ("s3://catalogue/a%2Cb%25%3F%23.jpg", "catalogue", "a,b%?#.jpg"),
        ("s3://catalogue/%252e%252e/a.jpg", "catalogue", "%2e%2e/a.jpg"),
        ("s3://catalogue/...", "catalogue", "..."),
        ("s3://catalogue/a..b/.c", "catalogue", "a..b/.c"),
    ],
)
def test_url_names_bucket_and_key(url: str, bucket: str, key: str) -> None:
    assert S3Object.parse(url) == S3Object(bucket, key)


@pytest.mark.parametrize(
    "url",
    [
        "s3://", "s3:///a.jpg", "s3://catalogue", "s3://catalogue/", "s3://catalogue//a.jpg",
        "s3://catalogue/a/", "s3://catalogue/a//b", "s3://catalogue/../other/a.jpg",
        "s3://catalogue/a/../b", "s3://catalogue/./a", "s3://catalogue/%2e%2e/a",
        "s3://catalogue/a%2F..%2Fb", "s3://catalogue/.%2e/a", "s3://catalogue/a%2F",
        "s3://catalogue/a.jpg?versionId=1", "s3://catalogue/a.jpg#x", "s3://catalogue/100%.jpg",
        "s3://catalogue/%ff.jpg", "s3://catalogue/a%00.jpg", "s3://catalogue/a%0Ab",
        "s3://catalogue/a\\..\\b", "s3://catalogue/a%5C..%5Cb", "s3://Catalogue/a.jpg",
        "s3://u:p@catalogue/a.jpg", "s3://catalogue:9000/a.jpg", "s3://a..b/a.jpg", "s3://ab/a",
        "s3://evil.example%2F/a", "s3://127.0.0.1@x/a", "s3:/catalogue/a.jpg", "s3a://catalogue/a",
        "https://catalogue/a", "s3://catalogue/" + "a" * 1025, "s3://catalogue/" + "a/" * 5000,
    ],
)  # fmt: skip
def test_odd_spellings_are_refused(url: str) -> None:
    with pytest.raises(S3UrlRefused):
        S3Object.parse(url)


@pytest.mark.parametrize(
    ("allow", "key", "namespace"),
    [
        ("catalogue", "a.jpg", "shop"),
        ("other, catalogue/", "a/b.jpg", "shop"),
        ("s3://catalogue/photos/", "photos/a.jpg", "shop"),
        ("catalogue/photos", "photos/a.jpg", "shop"),
        ("catalogue/photos/a.jpg", "photos/a.jpg", "shop"),
        ("catalogue/{namespace}", "shop/a.jpg", "shop"),
        ("catalogue/of/{namespace}/photos", "of/shop/photos/a.jpg", "shop"),
        ("{namespace}-images", "a.jpg", "catalogue"),
    ],
)
def test_what_the_list_names_is_open(allow: str, key: str, namespace: str) -> None:
    bucket = "catalogue-images" if allow.startswith("{") else "catalogue"
    assert S3AllowList.parse(allow).allows(S3Object(bucket, key), namespace)


@pytest.mark.parametrize(
    ("allow", "bucket", "key"),
    [
        ("", "catalogue", "a.jpg"),
        ("catalogue", "catalogue2", "a.jpg"),
        ("catalogue", "other", "catalogue/a.jpg"),
        ("catalogue/photos", "catalogue", "photos2/a.jpg"),
        ("catalogue/photos/", "catalogue", "a.jpg"),
        ("catalogue/{namespace}", "catalogue", "shop2/a.jpg"),
        ("catalogue/{namespace}", "catalogue", "press/a.jpg"),
        ("catalogue/{namespace}", "catalogue", "{namespace}/a.jpg"),
        ("{namespace}-images", "press-images", "a.jpg"),
    ],
)
def test_everything_else_is_closed(allow: str, bucket: str, key: str) -> None:
    assert not S3AllowList.parse(allow).allows(S3Object(bucket, key), "shop")


@pytest.mark.parametrize("entry", ["pictures", "pictures/shop", "{namespace}s/x", "s3://pictures/"])
def test_an_entry_may_not_name_the_bucket_of_the_release(entry: str) -> None:
    allow = S3AllowList.parse(f"catalogue, {entry}")
    with pytest.raises(ConfigurationRefused, match="names the bucket of the release itself"):
        allow.without_bucket("pictures", "picture")
    assert allow.without_bucket("other", "picture") is allow


@given(st.text(alphabet="ab./%2eEfF5cC\\?#~", max_size=12))
def test_no_spelling_leaves_the_prefix(tail: str) -> None:
    try:
        named = S3Object.parse(f"s3://catalogue/shop/{tail}")
    except S3UrlRefused:
        return
    if S3AllowList.parse("catalogue/{namespace}").allows(named, "shop"):
        assert named.key.startswith("shop/")
        assert not {"", ".", ".."} & set(named.key.split("/"))


@pytest.mark.parametrize(
    "allow",
    ["*", "catalogue/*", "catalogue/../x", "catalogue//x", "catalogue/{uid}", "Bad_Bucket",
     "https://s3.example/catalogue", "catalogue/{namespace", "a"],
)  # fmt: skip
def test_entry_that_is_none_is_refused_by_name(allow: str) -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_FETCH_S3_ALLOW"):
        S3AllowList.parse(f"fine, {allow}")
