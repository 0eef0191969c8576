"""What a release allows a batch to take, in one set of words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.errors import LimitExceeded
from imagebatch_core.source import Source
from imagebatch_core.spec import ImageBatchSpec


def spec(**fields: int) -> ImageBatchSpec:
    return ImageBatchSpec(source=Source(inline="x"), **fields)


def ceilings(text: str) -> Ceilings:
    return Ceilings.model_validate_json(text)


@pytest.mark.parametrize(
    ("text", "asked", "words"),
    [
        ('{"parallelism": 20}', {"parallelism": 21}, "spec.parallelism: 21 is more than 20"),
        ('{"parallelism": 20}', {"parallelism": 20}, None),
        ('{"parallelism": 2}', {"parallelism": 5}, "spec.parallelism: 5 is more than 2"),
        ('{"imagesPerShard": {"from": 50}}', {"images_per_shard": 49}, "allows from 50"),
        ('{"imagesPerShard": {"to": 900}}', {"images_per_shard": 901}, "allows to 900"),
        ('{"imagesPerShard": {"from": 5, "to": 9}}', {"images_per_shard": 4}, "from 5 to 9"),
        ('{"imagesPerShard": {"from": 5, "to": 9}}', {"images_per_shard": 5}, None),
        ('{"imagesPerShard": {"from": 5, "to": 9}}', {}, None),
        ("{}", {"parallelism": 1000, "images_per_shard": 1}, None),
    ],
)
def test_what_exceeds_a_ceiling_is_told_with_what_is_allowed(
    text: str, asked: dict[str, int], words: str | None
) -> None:
    over = [str(one) for one in ceilings(text).exceeded(spec(**asked))]
    if words is None:
        assert over == []
    else:
        [told] = over
        assert words in told
        assert "of the chart" in told


def test_only_what_may_be_changed_is_fixable() -> None:
    both = ceilings('{"parallelism": 5, "imagesPerShard": {"to": 9}}')
    over = both.exceeded(spec(parallelism=9, images_per_shard=10))
    assert [(one.field, one.fixable) for one in over] == [
        ("parallelism", True),
        ("imagesPerShard", False),
    ]


def test_a_ceiling_below_the_default_lowers_the_default_and_refuses_nothing() -> None:
    low = ceilings('{"parallelism": 2}')
    assert low.exceeded(spec()) == []
    assert low.parallelism_of(spec().parallelism) == 2
    assert NO_CEILINGS.parallelism_of(700) == 700


def test_images_are_counted_up_to_the_ceiling_and_no_further() -> None:
    limited = ceilings('{"images": 3}')
    limited.check_images(3)
    with pytest.raises(LimitExceeded, match=r"more than 3 images.*limits.images of the chart"):
        limited.check_images(4)
    NO_CEILINGS.check_images(10**9)


def test_a_range_that_is_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValidationError, match="from 9 is more than to 5"):
        ceilings('{"imagesPerShard": {"from": 9, "to": 5}}')


@pytest.mark.parametrize(
    ("release", "owner", "both"),
    [
        ("{}", "{}", "{}"),
        ('{"parallelism": 20}', "{}", '{"parallelism": 20}'),
        ("{}", '{"parallelism": 20, "images": 7}', '{"parallelism": 20, "images": 7}'),
        ('{"parallelism": 20}', '{"parallelism": 30}', '{"parallelism": 20}'),
        ('{"parallelism": 20}', '{"parallelism": 5}', '{"parallelism": 5}'),
        ('{"imagesPerShard": {"from": 5, "to": 90}}', '{"imagesPerShard": {"to": 50}}',
         '{"imagesPerShard": {"from": 5, "to": 50}}'),
        ('{"imagesPerShard": {"from": 5}}', '{"imagesPerShard": {"to": 2}}',
         '{"imagesPerShard": {"from": 5, "to": 5}}'),
        ('{"imagesPerShard": {"to": 90}}', '{"imagesPerShard": {"from": 200, "to": 300}}',
         '{"imagesPerShard": {"from": 90, "to": 90}}'),
    ],
)  # fmt: skip
def test_an_owners_ceilings_only_lower_those_of_the_release(
    release: str, owner: str, both: str
) -> None:
    assert ceilings(release).narrowed(ceilings(owner)) == ceilings(both)
