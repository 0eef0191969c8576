"""Settings from the environment: what is wrong is told by the variable's name."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, Field

from imagebatch_core.environment import (
    Count,
    EnvironmentSettings,
    LogFormat,
    LogLevel,
    Patience,
    Port,
    Seconds,
)
from imagebatch_core.errors import ConfigurationRefused


def refuse_odd(number: int) -> int:
    if number % 2:
        raise ValueError("An even number is needed")
    return number


class Settings(EnvironmentSettings):
    place: str = Field(min_length=1, description="Where it all lies.")
    count: Count = Field(4, description="Pieces.")
    wait: Seconds = Field(1.5, description="Seconds.")
    patience: Patience = Field(0, description="Seconds.")
    port: Port = Field(80, description="Port.")
    even: Annotated[int, AfterValidator(refuse_odd)] = Field(2, description="An even number.")
    log_level: LogLevel = Field("info", description="Level.")
    log_format: LogFormat = Field("json", description="Form.")


def test_each_field_is_read_from_the_variable_of_its_name() -> None:
    env = {"IMAGEBATCH_PLACE": "here", "IMAGEBATCH_COUNT": "7", "IMAGEBATCH_LOG_LEVEL": "DEBUG"}
    settings = Settings.from_env(env)

    assert (settings.place, settings.count, settings.log_level) == ("here", 7, "debug")


def test_an_empty_variable_counts_as_not_set_and_an_override_wins() -> None:
    env = {"IMAGEBATCH_PLACE": " here ", "IMAGEBATCH_COUNT": " ", "IMAGEBATCH_WAIT": "3"}
    settings = Settings.from_env(env, wait=9)

    assert (settings.place, settings.count, settings.wait) == ("here", 4, 9)


@pytest.mark.parametrize("env", [{}, {"IMAGEBATCH_PLACE": ""}])
def test_a_missing_variable_is_named_with_its_meaning(env: dict[str, str]) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        Settings.from_env(env)

    assert str(refused.value) == "IMAGEBATCH_PLACE is not set: Where it all lies."


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("COUNT", "0", "greater than or equal to 1"),
        ("COUNT", "many", "valid integer"),
        ("WAIT", "0", "greater than 0"),
        ("WAIT", "nan", "less than or equal to 86400"),
        ("WAIT", "86401", "less than or equal to 86400"),
        ("PATIENCE", "-1", "greater than or equal to 0"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "'json' or 'text'"),
        ("EVEN", "3", ": an even number is needed"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(field: str, value: str, words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        Settings.from_env({"IMAGEBATCH_PLACE": "here", f"IMAGEBATCH_{field}": value})

    told = str(refused.value)
    assert told.startswith(f"IMAGEBATCH_{field}={value!r}: ")
    assert words in told
