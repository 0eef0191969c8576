"""Read a component's settings: each field from one environment variable ``IMAGEBATCH_<FIELD>``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .errors import ConfigurationRefused

PREFIX: Final = "IMAGEBATCH_"

#: The longest time that a setting may have, in seconds: a day.
_LONGEST: Final = 86_400

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=_LONGEST)]
#: Seconds that may be 0.
Patience = Annotated[float, Field(ge=0, le=_LONGEST)]
Port = Annotated[int, Field(ge=1, le=65535)]
Namespace = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], BeforeValidator(lambda value: str(value).lower())
]
LogFormat = Annotated[Literal["json", "text"], BeforeValidator(lambda value: str(value).lower())]


def parse_json(value: object) -> object:
    """Return what the JSON text of a setting says; return any other value unchanged.

    Raises:
        ValueError: the text is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class WhenUnset:
    """The text of the settings reference for a variable that is not set, instead of the default.

    Use it as ``Annotated[str | None, WhenUnset("the pod's own")]``.
    """

    text: str


class EnvironmentSettings(BaseModel):
    """Base of each component's settings: every field has bounds and a description with its unit."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    @classmethod
    def from_env(cls, env: Mapping[str, str], **overrides: Any) -> Self:
        """Read the settings from ``env``; ``overrides`` have precedence.

        An empty variable counts as not set.

        Raises:
            ConfigurationRefused: a variable is missing or its value is not allowed; the text
                starts with the variable's name.
        """
        found: dict[str, Any] = {
            name: value
            for name in cls.model_fields
            if (value := env.get(variable(name), "").strip())
        }
        try:
            return cls(**(found | overrides))
        except ValidationError as error:
            raise ConfigurationRefused(cls._explain(error)) from error

    @classmethod
    def _explain(cls, error: ValidationError) -> str:
        first = error.errors()[0]
        field = str(first["loc"][0])
        if first["type"] == "missing" or first["input"] == "":
            return f"{variable(field)} is not set: {cls.model_fields[field].description}"
        # Pydantic's prefix before the text of our own validators adds nothing.
        problem = first["msg"].removeprefix("Value error, ")
        return f"{variable(field)}={first['input']!r}: {problem[:1].lower()}{problem[1:]}"


def variable(field: str) -> str:
    """Return the name of the environment variable that sets a field."""
    return PREFIX + field.upper()
