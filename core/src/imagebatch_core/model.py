"""Base classes of the models that are written as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


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
