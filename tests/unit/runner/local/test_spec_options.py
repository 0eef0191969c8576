"""What ``imagebatch-runner`` says of its commands and options."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from imagebatch_core.model import Model
from imagebatch_core.spec import Output
from imagebatch_runner.cli import app
from imagebatch_runner.local.spec_options import options_of


class WiderOutput(Output):
    """The spec with fields that no command knows."""

    throw_away: int | None = Field(None, ge=3, le=9, description="Nobody acts on it.")
    colour: str = Field("#ffffff", pattern="^#[0-9a-f]{6}$", description="Nor on this one.")


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and text, in lines that are not wrapped within a word."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
    return done.exit_code, done.output


def test_command_for_people_comes_before_those_of_pods() -> None:
    code, text = said("--help")
    assert code == 0
    assert text.index(" local ") < text.index("Steps of a batch in pods") < text.index(" plan ")


def test_every_option_says_what_it_is_for() -> None:
    (local,) = (one for name, one in typer.main.get_group(app).commands.items() if name == "local")
    assert [one.name for one in local.params if not getattr(one, "help", None)] == []


@pytest.mark.parametrize(
    ("option", "value", "bound"),
    [
        ("--jobs", "-1", "greater than or equal to 0"),
        ("--jobs", "257", "less than or equal to 256"),
        ("--quality", "0", "greater than or equal to 1"),
        ("--quality", "101", "less than or equal to 100"),
        ("--max-width", "0", "greater than or equal to 1"),
    ],
)
def test_value_out_of_bounds_is_refused_with_the_bound(
    tmp_path: Path, option: str, value: str, bound: str
) -> None:
    code, text = said("local", str(tmp_path), option, value)
    assert code == 2
    assert option in text
    assert bound in text


def command(model: type[Model]) -> tuple[typer.Typer, list[Model]]:
    """A command with the options of ``model``, and what it was called with."""
    typed, got = typer.Typer(), []

    @typed.command()
    @options_of(model, "output")
    def called(*, output: Model) -> None:
        got.append(output)

    return typed, got


def test_option_that_is_added_to_the_spec_is_an_option_of_the_command() -> None:
    wider, got = command(WiderOutput)
    arguments = ["--throw-away", "5", "--colour", "#00ff00", "--max-width", "7"]
    assert CliRunner().invoke(wider, arguments).exit_code == 0
    assert got == [WiderOutput(throw_away=5, colour="#00ff00", max_width=7)]
    text = CliRunner().invoke(wider, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    assert "Nobody acts on it." in text
    assert "3<=x<=9" in text


def test_options_that_are_left_out_have_the_defaults_of_the_spec() -> None:
    wider, got = command(WiderOutput)
    assert CliRunner().invoke(wider, []).exit_code == 0
    assert got == [WiderOutput()]


@pytest.mark.parametrize(
    ("option", "value"), [("--throw-away", "2"), ("--throw-away", "10"), ("--colour", "green")]
)
def test_value_that_the_spec_refuses_is_refused_by_option(option: str, value: str) -> None:
    wider, got = command(WiderOutput)
    done = CliRunner().invoke(wider, [option, value], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert (done.exit_code, got) == (2, [])
    assert option in done.output


def test_field_that_cannot_be_an_option_is_refused_when_the_command_is_made() -> None:
    class Nested(Output):
        inner: Output = Output()

    with pytest.raises(TypeError, match="Output"):
        options_of(Nested, "output")


def test_command_local_has_an_option_for_every_field_of_the_output() -> None:
    (local,) = (one for name, one in typer.main.get_group(app).commands.items() if name == "local")
    assert set(Output.model_fields) <= {one.name for one in local.params}
