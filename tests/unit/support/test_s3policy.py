"""The S3 policy of docs/storage.md opens one namespace and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.s3policy import Access, allows, needed
from support.seaweedfs import tenant_actions

_PAGE = (Path(__file__).parents[3] / "docs" / "storage.md").read_text()
SECTION = _PAGE.partition("## The rights of one namespace")[2].partition("\n## ")[0]
#: The page's names.
BUCKET, NAMESPACE = "my-bucket", "shop"


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    (text,) = re.findall(r"```json\n(.*?)```", SECTION, flags=re.S)
    found: dict[str, Any] = json.loads(text)
    return found


def _allowed(policy: dict[str, Any], method: str, target: str, copied: str = "") -> bool:
    return all(allows(policy, access) for access in needed(method, target, copied))


@pytest.mark.parametrize(
    ("method", "target", "copied"),
    [
        ("GET", "/my-bucket/shop/uploads/1/a.csv", ""),
        ("HEAD", "/my-bucket/shop/uid/report.csv", ""),
        ("PUT", "/my-bucket/shop/uid/results/0/a-1.jsonl", ""),
        ("PUT", "/my-bucket/shop/uid/input.csv", "my-bucket/shop/uploads/1/a.csv"),
        ("PUT", "/my-bucket/shop/uid/report.csv?partNumber=1&uploadId=a", ""),
        ("POST", "/my-bucket/shop/uid/report.csv?uploads", ""),
        ("POST", "/my-bucket/shop/uid/report.csv?uploadId=a", ""),
        ("DELETE", "/my-bucket/shop/uid/report.csv?uploadId=a", ""),
        ("DELETE", "/my-bucket/shop/uid/images/1.jpg", ""),
        ("GET", "/my-bucket?list-type=2&prefix=shop%2Fuid%2F", ""),
    ],
)
def test_a_namespace_may_use_what_is_its_own(
    policy: dict[str, Any], method: str, target: str, copied: str
) -> None:
    assert _allowed(policy, method, target, copied)


@pytest.mark.parametrize(
    ("method", "target", "copied"),
    [
        ("GET", "/my-bucket/press/uploads/1/a.csv", ""),
        ("PUT", "/my-bucket/press/uploads/1/b.csv", ""),
        ("GET", "/my-bucket?list-type=2&prefix=press%2F", ""),
        ("GET", "/my-bucket?list-type=2", ""),
        ("GET", "/my-bucket?list-type=2&prefix=shop", ""),
        ("PUT", "/my-bucket/shop/uploads/1/stolen.csv", "my-bucket/press/uploads/1/a.csv"),
        ("PUT", "/my-bucket/press/uploads/1/a.csv", "my-bucket/shop/uploads/1/ours.csv"),
        ("DELETE", "/my-bucket/press/uploads/1/a.csv", ""),
        ("GET", "/my-bucket/shopping/a.csv", ""),
        ("GET", "/my-bucket?list-type=2&prefix=shopping%2F", ""),
        ("GET", "/another/shop/a.csv", ""),
        ("GET", "/another?list-type=2&prefix=shop%2F", ""),
        ("GET", "/my-bucket?uploads&prefix=shop%2F", ""),
    ],
)
def test_what_is_anothers_is_refused(
    policy: dict[str, Any], method: str, target: str, copied: str
) -> None:
    """Among these are the attempts that SeaweedFS refuses to such a pair for real, in
    tests/integration/runner/test_namespace_credentials.py."""
    assert not _allowed(policy, method, target, copied)


def test_a_deletion_of_several_objects_needs_the_right_for_each(policy: dict[str, Any]) -> None:
    def rights(*keys: str) -> list[bool]:
        body = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        made = needed("POST", "/my-bucket?delete", body=f"<Delete>{body}</Delete>")
        return [allows(policy, access) for access in made]

    assert rights("shop/uid/a", "press/uid/a", "shop/a&amp;b") == [True, False, True]


def test_the_line_for_seaweedfs_is_what_the_tests_run_with() -> None:
    (text,) = re.findall(r'`"actions": (\[.*?\])`', SECTION, flags=re.S)
    assert json.loads(text) == tenant_actions(BUCKET, NAMESPACE)


def test_nothing_but_the_two_resources_is_opened(policy: dict[str, Any]) -> None:
    whole = f"arn:aws:s3:::{BUCKET}"
    assert [one["Resource"] for one in policy["Statement"]] == [f"{whole}/{NAMESPACE}/*", whole]
    assert not allows(policy, Access("s3:PutBucketPolicy", whole))
    assert not allows(policy, Access("s3:PutObjectAcl", f"{whole}/{NAMESPACE}/a"))
