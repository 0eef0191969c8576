from __future__ import annotations

from imagebatch_core.formats import Format
from imagebatch_core.results import ErrorCode, ImageStatus
from imagebatch_gateway.answers.models import RequestStatus
from imagebatch_gateway.page import words


def test_every_state_format_and_reason_has_words() -> None:
    assert set(words.STATES) == set(RequestStatus)
    assert set(words.FORMATS) == set(Format)
    assert set(words.IMAGE_STATES) == set(ImageStatus)
    assert set(words.FAILURES) == set(ErrorCode)
    assert set(RequestStatus) > words.ENDED


def test_no_two_states_look_the_same_without_their_colour() -> None:
    assert len({state.symbol for state in words.STATES.values()}) == len(words.STATES)
    assert len({state.label for state in words.STATES.values()}) == len(words.STATES)


def test_the_words_advise_a_retry_where_one_may_help_and_a_change_where_none_does() -> None:
    for code, said in words.FAILURES.items():
        assert ("retry these" in said.advice.lower()) == code.retryable, code


def test_qualities_are_explained_from_1_to_100_without_a_gap() -> None:
    bounds = [one.highest for one in words.QUALITIES]
    assert bounds == sorted(set(bounds))
    assert bounds[-1] == 100


def test_a_reason_of_a_newer_release_is_shown_as_the_api_tells_it() -> None:
    assert words.failure_words("melted", "The image melted.").title == "The image melted."
