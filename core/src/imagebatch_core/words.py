"""Types of status fields whose values are words from an enum that newer releases may extend."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from .reasons import ConditionType, Phase, Reason


def _word_schema(known: type[StrEnum]) -> WithJsonSchema:
    """Return the JSON schema of such a field: a pattern, not an enum.

    With an enum in the CRD, the API server would refuse a newer operator's word. The known words
    are in ``examples``, which the CRD leaves out.
    """
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Z][A-Za-z0-9]*$",
            "maxLength": 64,
            "examples": [word.value for word in known],
        }
    )


#: A member of the enum when the word is known, otherwise text.
ReasonWord = Annotated[Reason | str, Field(union_mode="left_to_right"), _word_schema(Reason)]
ConditionTypeWord = Annotated[
    ConditionType | str, Field(union_mode="left_to_right"), _word_schema(ConditionType)
]
#: Always a member of the enum, because :class:`.status.ImageBatchStatus` replaces unknown phases.
PhaseWord = Annotated[Phase, _word_schema(Phase)]
