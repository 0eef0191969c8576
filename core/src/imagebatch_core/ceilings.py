"""The ceilings that a release and the owner of a namespace set for batches, and the words in which
they refuse.

Operator, gateway and runner use these functions, so a batch that was applied and an upload get the
same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from .environment import parse_json
from .errors import LimitExceeded
from .model import Model
from .spec import MUTABLE_FIELDS, ImageBatchSpec

Bound = Annotated[int, Field(ge=1)]
_DEFAULT_PARALLELISM: Final = int(ImageBatchSpec.model_fields["parallelism"].default)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A field of a spec that exceeds a ceiling; ``fixable`` if the field may still be changed."""

    field: str
    message: str
    fixable: bool

    def __str__(self) -> str:
        return f"spec.{self.field}: {self.message}"


class Range(Model):
    """An inclusive range; a bound that is not set allows everything."""

    model_config = ConfigDict(alias_generator=None)

    from_: Bound | None = Field(None, alias="from")
    to: Bound | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError(f"from {self.from_} is more than to {self.to}")
        return self

    def __contains__(self, number: int) -> bool:
        return self.nearest(number) == number

    def __str__(self) -> str:
        parts = (
            f"from {self.from_}" if self.from_ is not None else "",
            f"to {self.to}" if self.to is not None else "",
        )
        return " ".join(part for part in parts if part)

    def nearest(self, number: int) -> int:
        """Return the number within the range that is the nearest to ``number``."""
        number = number if self.to is None else min(number, self.to)
        return number if self.from_ is None else max(number, self.from_)

    def narrowed(self, other: Range) -> Range:
        """Return the part of this range that is also in ``other``, or its end next to ``other``."""
        ends = {
            "from": self.from_ if other.from_ is None else self.nearest(other.from_),
            "to": self.to if other.to is None else self.nearest(other.to),
        }
        return Range.model_validate(ends)


class Ceilings(Model):
    """The limits on one batch, from ``limits`` of a chart. A field not set means no limit."""

    parallelism: Bound | None = None
    images_per_shard: Range = Range()
    images: Bound | None = None

    def narrowed(self, other: Ceilings) -> Ceilings:
        """Return the lower ceiling of both for each field. ``other`` never allows more."""
        return Ceilings(
            parallelism=_lower(self.parallelism, other.parallelism),
            images_per_shard=self.images_per_shard.narrowed(other.images_per_shard),
            images=_lower(self.images, other.images),
        )

    def parallelism_of(self, asked: int) -> int:
        """Return the number of pods that run at once for a batch that asks for ``asked``."""
        return asked if self.parallelism is None else min(asked, self.parallelism)

    def exceeded(self, spec: ImageBatchSpec) -> list[Exceeded]:
        """Return the fields of a spec that exceed a ceiling, with what is allowed.

        ``parallelism`` has a default, so a ceiling below it lowers the default and refuses no batch
        for it.
        """
        return [
            Exceeded(field, message, fixable=field in MUTABLE_FIELDS)
            for field, message in self._exceeded(spec)
        ]

    def _exceeded(self, spec: ImageBatchSpec) -> Iterator[tuple[str, str]]:
        most = self.parallelism
        if most is not None and spec.parallelism > max(most, _DEFAULT_PARALLELISM):
            text = f"{spec.parallelism} is more than {most}, the most that is allowed here"
            yield "parallelism", f"{text} (limits.parallelism of the chart)"
        size = spec.images_per_shard
        if size is not None and size not in self.images_per_shard:
            allowed = f"limits.imagesPerShard of the chart allows {self.images_per_shard}"
            advice = "leave it out to let plan choose"
            yield "imagesPerShard", f"{size} is not allowed here: {allowed}; {advice}"

    def check_images(self, images: int) -> None:
        """Raise LimitExceeded if an input has more images than a batch may have."""
        if self.images is not None and images > self.images:
            raise LimitExceeded(
                f"the input has more than {self.images} images, the most that is allowed here "
                "in a batch (limits.images of the chart): split it into several"
            )


def _lower(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


NO_CEILINGS: Final = Ceilings()


#: The type of a setting: JSON of :class:`Ceilings`.
CeilingsJson = Annotated[Ceilings, BeforeValidator(parse_json)]
CEILINGS_HELP: Final = (
    "JSON of what one batch may take: parallelism, imagesPerShard (from, to) and images. What is "
    "not set is not limited."
)
