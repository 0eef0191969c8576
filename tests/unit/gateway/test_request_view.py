from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imagebatch_gateway.page import request_view as view
from imagebatch_gateway.page.offers import Offers
from imagebatch_gateway.page.rendering import number, size, span, when

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OFFERS = Offers(
    frozenset({"POST /api/requests/{request_id}/retry"}), {}, frozenset({"suspend", "cancel"})
)


def request(**given: Any) -> dict[str, Any]:
    return {
        "requestId": "summer", "status": "processing", "startedAt": "2026-11-28T11:59:00Z",
        "images": {"total": 200, "done": 0}, "suspend": False, "webhook": None, **given,
    }  # fmt: skip


def test_the_bar_has_a_part_for_each_way_in_which_images_ended() -> None:
    images = {"total": 200, "done": 100, "succeeded": 80, "kept": 0, "reused": None, "failed": 10}
    parts = view.segments(request(images=images))

    assert [(p.state, p.count, p.start, p.width) for p in parts] == [
        ("succeeded", 80, 0, 40),
        ("failed", 10, 40, 5),
        ("done", 10, 45, 5),
    ]


def test_the_bar_of_nothing_is_empty() -> None:
    assert view.segments(request(images={"total": 0, "done": 0})) == []


def test_both_squares_are_to_each_other_as_the_bytes_are() -> None:
    found = view.savings(request(bytes={"in": 1000, "out": 250}))

    assert found is not None
    assert (found.saved, found.percent) == (750, 75)
    assert found.side**2 / view.SQUARE**2 == pytest.approx(0.25)
    assert view.savings(request(bytes=None)) is None


def test_outputs_larger_than_their_sources_fill_the_square_and_no_more() -> None:
    found = view.savings(request(bytes={"in": 100, "out": 150}))

    assert found is not None
    assert (found.side, found.percent) == (view.SQUARE, -50)


@pytest.mark.parametrize(
    ("done", "text"),
    [(120, "2 a second, about 40 seconds left"), (6, "6 a minute, about 32 minutes left")],
)
def test_the_pace_gives_the_time_left(done: int, text: str) -> None:
    assert view.pace(request(images={"total": 200, "done": done}), NOW) == text


@pytest.mark.parametrize(
    "given",
    [
        {"images": {"total": 200, "done": 0}},
        {"images": {"total": 200, "done": 200}},
        {"images": {"total": 200, "done": 5}, "status": "suspended"},
        {"images": {"total": 200, "done": 5}, "startedAt": None},
    ],
)
def test_there_is_no_pace_of_what_does_not_run(given: dict[str, Any]) -> None:
    assert view.pace(request(**given), NOW) is None


def test_only_what_this_gateway_can_change_of_a_running_request_is_offered() -> None:
    assert view.changes(request(), OFFERS) == {"suspend", "cancel"}
    assert view.changes(request(status="completed"), OFFERS) == set()
    assert view.changes(request(expired=True), OFFERS) == set()


@pytest.mark.parametrize(
    ("given", "lives"),
    [
        ({}, True),
        ({"status": "completed"}, False),
        ({"status": "completed", "webhook": {"nextAttemptAt": "2026-11-28T12:00:00Z"}}, True),
        ({"status": "completed", "webhook": {"deliveredAt": "2026-11-28T12:00:00Z"}}, False),
        ({"status": "processing", "expired": True}, False),
    ],
)
def test_a_page_follows_what_still_changes(given: dict[str, Any], *, lives: bool) -> None:
    assert view.lives(request(**given)) is lives


def test_commands_fit_the_state() -> None:
    running = str(view.commands(request(), "shop", "http://g", OFFERS))
    ended = str(view.commands(request(status="completed"), "shop", "http://g", OFFERS))

    assert "kubectl -n shop get imagebatch summer" in running
    assert "suspend" in running
    assert "/retry" not in running
    assert "suspend" not in ended
    assert "http://g/api/requests/summer/retry" in ended


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://g/prefix/files/a.jpg", "files/a.jpg"),
        ("http://g/elsewhere/a.jpg", "http://g/elsewhere/a.jpg"),
        ("https://cdn.example/files/a.jpg?x=1", "https://cdn.example/files/a.jpg?x=1"),
    ],
)
def test_own_addresses_work_under_any_name_of_the_gateway(address: str, path: str) -> None:
    assert view.local_path(address, "http://g/prefix") == path


def test_a_name_for_people_comes_before_the_file_and_the_id() -> None:
    assert view.title_of(request(name="Mugs", fileName="a.csv")) == "Mugs"
    assert view.title_of(request(name=None, fileName="a.csv")) == "a.csv"
    assert view.title_of(request()) == "summer"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_499, "999 kB"), (1_234_567, "1.2 MB")],
)
def test_sizes_are_readable_and_keep_their_exact_value(count: int, text: str) -> None:
    assert size(count) == f'<data data-bytes value="{count}">{text}</data>'


def test_numbers_and_times_keep_their_exact_value() -> None:
    assert number(1234567) == '<data data-number value="1234567">1,234,567</data>'
    assert when("2026-11-24T11:00:00+01:00") == (
        '<time datetime="2026-11-24T10:00:00Z" data-when="relative">24 Nov 2026, 10:00 UTC</time>'
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (45, "45 seconds"), (59, "1 minute"), (5400, "2 hours"), (9e4, "1 day")],
)
def test_spans_are_told_in_one_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_pages_are_told_in_the_same_words_whatever_the_time_zone() -> None:
    moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC) + timedelta(hours=1)
    assert "25 Nov 2026, 00:30 UTC" in when(moment.isoformat())
