"""A condition in the status, as metav1.Condition defines it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import ConfigDict, Field

from .model import Document
from .words import ConditionTypeWord, ReasonWord

#: The most bytes of a condition's message; the CRD allows as many characters.
MESSAGE_LENGTH: Final = 1024


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Document):
    """A condition, as ``metav1.Condition`` defines it."""

    # The list is written as a whole, so fields that a newer operator added must be kept.
    model_config = ConfigDict(extra="allow")

    type: ConditionTypeWord = Field(description="Type of the condition.")
    status: ConditionStatus = Field(
        description="Whether the condition holds: True, False or Unknown."
    )
    reason: ReasonWord = Field(description="Reason of the status, as one word for programs.")
    message: str = Field(
        "",
        description="Reason of the status, as a sentence for people.",
        json_schema_extra={"maxLength": MESSAGE_LENGTH},
    )
    observed_generation: int = Field(
        0, description="Generation of the spec to which the condition refers."
    )
    last_transition_time: datetime = Field(description="Time at which the status last changed.")
