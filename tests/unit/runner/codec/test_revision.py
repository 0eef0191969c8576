"""A change of what the codec makes raises its revision."""

from __future__ import annotations

from imagebatch_runner.codec.revision import REVISION
from support.codecrecord import RECORD, outputs, record

#: Another build of the same encoders may give sizes and colours that differ by no more than this.
PERCENT, LEVELS = 3, 3
ADVICE = (
    "raise REVISION in codec/revision.py, so that nightly batches do not take over older outputs; "
    "then record the new ones: PYTHONPATH=tests python -m support.codecrecord"
)


def test_outputs_are_those_that_were_recorded_for_the_revision() -> None:
    _, recorded = record()
    made = outputs()
    other = {
        name: (before.size, made[name].size)
        for name, before in recorded.items()
        if name in made
        and (
            abs(made[name].size - before.size) * 100 > PERCENT * before.size
            or any(
                abs(one - then) > LEVELS
                for one, then in zip(made[name].colours, before.colours, strict=True)
            )
        )
    }
    assert not other, f"{other} (bytes before and now): {ADVICE}"


def test_record_is_of_this_revision_and_has_all_pictures() -> None:
    revision, recorded = record()
    assert revision == REVISION, ADVICE
    assert set(recorded) == set(outputs()), f"{RECORD.name} is out of date: record it anew"
