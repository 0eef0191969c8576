"""Words of a status that a newer release may add to, as the types of fields."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from .reasons import ConditionType, Phase, Reason


def _pattern(known: type[StrEnum]) -> WithJsonSchema:
    """JSON schema of a field whose words a newer component may add to: a pattern, not an enum.

    An enum in the CRD would make the API server refuse a newer operator's word. The known words
    stand in ``examples``, which the CRD leaves out.
    """
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Z][A-Za-z0-9]*$",
            "maxLength": 64,
            "examples": [word.value for word in known],
        }
    )


#: Members of the enum where they are known, else text.
ReasonWord = Annotated[Reason | str, Field(union_mode="left_to_right"), _pattern(Reason)]
ConditionTypeWord = Annotated[
    ConditionType | str, Field(union_mode="left_to_right"), _pattern(ConditionType)
]
#: Read as a member of the enum always: :class:`.status.ImageBatchStatus` replaces unknown ones.
PhaseWord = Annotated[Phase, _pattern(Phase)]
