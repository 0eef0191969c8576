"""Which options of ``spec.output`` differ between two batches."""

from __future__ import annotations

from imagebatch_core.spec import Output


class WiderOutput(Output):
    """The spec with a field that no code names."""

    throw_away: str = "x"


def test_equal_options_have_no_differences() -> None:
    assert Output(quality=60).differences(Output(quality=60)) == {}


def test_differences_are_told_with_the_values_of_the_other() -> None:
    ours = Output(quality=60, max_width=800)
    assert ours.differences(Output()) == {"quality": 50, "maxWidth": None}


def test_option_that_is_added_to_the_spec_is_compared() -> None:
    assert WiderOutput(throw_away="y").differences(WiderOutput()) == {"throwAway": "x"}


def test_option_that_the_other_does_not_know_is_a_difference() -> None:
    assert WiderOutput().differences(Output()) == {"throwAway": None}
