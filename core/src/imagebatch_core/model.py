"""Base classes of the models that are written as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .names import LONGEST_OBJECT_NAME, OBJECT_NAME

#: The name of a Kubernetes object.
Name = Annotated[
    str, Field(min_length=1, max_length=LONGEST_OBJECT_NAME, pattern=f"^{OBJECT_NAME}$")
]


class Model(BaseModel):
    """Base of models: camelCase in JSON, unknown fields refused, immutable in Python."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # a URL may hold a signature, and errors are logged
    )


class Document(Model):
    """A document that one component writes and another one reads.

    Unknown fields are ignored, because the writer may be newer, as after a rollback.
    """

    model_config = ConfigDict(extra="ignore")
