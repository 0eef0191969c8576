"""Which validators count, and where they are sent."""

from __future__ import annotations

import pytest
import yarl

from imagebatch_runner.fetch.validators import NO_VALIDATORS, Validators

DATE = "Wed, 25 Nov 2026 02:00:00 GMT"
OLD = "Tue, 24 Nov 2026 02:00:00 GMT"
JUST_NOW = "Wed, 25 Nov 2026 01:59:30 GMT"


@pytest.mark.parametrize("tag", ['"a"', '"5f3-61c"', '"!~"'])
def test_a_strong_etag_counts_alone(tag: str) -> None:
    assert Validators.of({"ETag": tag}) == Validators(etag=tag)


@pytest.mark.parametrize(
    "tag", ["", "abc", '""', '"a', 'w/"a"', '"a b"', '"a\x7f"', f'"{"x" * 300}"']
)
def test_what_is_no_entity_tag_is_left_out(tag: str) -> None:
    assert Validators.of({"ETag": tag}) == NO_VALIDATORS


def test_last_modified_counts_once_it_is_a_minute_old_by_the_hosts_clock() -> None:
    assert Validators.of({"Last-Modified": OLD, "Date": DATE}).last_modified == OLD
    assert Validators.of({"Last-Modified": JUST_NOW, "Date": DATE}) == NO_VALIDATORS
    assert Validators.of({"Last-Modified": OLD}) == NO_VALIDATORS


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0", "Tue, 99 Nov 2026 02:00:00 GMT", f"{OLD} (\udcff)"]
)
def test_what_is_no_date_is_left_out(text: str) -> None:
    assert Validators.of({"Last-Modified": text, "Date": DATE}) == NO_VALIDATORS
    assert Validators.of({"Last-Modified": OLD, "Date": text}) == NO_VALIDATORS


@pytest.mark.parametrize(
    "last", ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:30 -2359"]
)
def test_a_date_at_the_end_of_time_is_no_error(last: str) -> None:
    assert Validators.of({"Last-Modified": last, "Date": DATE}) == NO_VALIDATORS
    assert Validators.of({"Last-Modified": OLD, "Date": last}).last_modified == OLD


def test_a_weak_etag_counts_only_beside_a_last_modified_that_counts() -> None:
    assert Validators.of({"ETag": 'W/"a"'}) == NO_VALIDATORS
    fresh = {"ETag": 'W/"a"', "Last-Modified": JUST_NOW, "Date": DATE}
    assert Validators.of(fresh) == NO_VALIDATORS
    settled = {"ETag": 'W/"a"', "Last-Modified": OLD, "Date": DATE}
    assert Validators.of(settled) == Validators('W/"a"', OLD)


def test_conditions_are_sent_as_the_host_wrote_them() -> None:
    known = Validators('"a"', OLD)
    expected = {"If-None-Match": '"a"', "If-Modified-Since": OLD}
    assert known.conditions(yarl.URL("http://h/a.jpg"), redirected=False) == expected
    only_time = Validators(last_modified=OLD).conditions(yarl.URL("http://h/a"), redirected=False)
    assert only_time == {"If-Modified-Since": OLD}


def test_conditions_go_to_the_address_that_the_validators_are_about_alone() -> None:
    direct = Validators('"1"')
    assert direct.conditions(yarl.URL("http://cdn/a.jpg"), redirected=True) == {}
    behind = Validators.of({"ETag": '"1"'}, yarl.URL("http://cdn/a.jpg?signature=secret"))
    assert "secret" not in str(behind)
    assert behind.conditions(yarl.URL("http://h/a.jpg"), redirected=False) == {}
    assert behind.conditions(yarl.URL("http://cdn/b.jpg"), redirected=True) == {}
    assert behind.conditions(yarl.URL("http://cdn/a.jpg?signature=secret"), redirected=True) == {
        "If-None-Match": '"1"'
    }
