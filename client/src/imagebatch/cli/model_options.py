"""Makes options of the command from the fields of a model, so that none can be forgotten."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import cache, wraps
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from pydantic import ValidationError

from imagebatch.bodies import TableOptions

M = TypeVar("M", bound=TableOptions)

#: Options whose name is not that of the field.
_FLAGS = {
    "image_url_columns": "--image-columns",
    "product_name_column": "--product-column",
    "serial_number_column": "--serial-column",
}


def options_of(
    model: type[M], parameter: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command one option for each field of ``model``.

    The options replace the keyword ``parameter`` of the command, which gets a ``model`` of those
    that were given.
    """
    options = [_parameter(model, name) for name in model.model_fields]

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            values = {name: given.pop(name) for name in model.model_fields}
            chosen = {name: value for name, value in values.items() if value is not None}
            command(**given, **{parameter: _checked(model, chosen)})

        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for one in signature.parameters.values():
            parameters += options if one.name == parameter else [one]
        vars(called)["__signature__"] = signature.replace(parameters=parameters)
        return called

    return decorated


def flag(name: str) -> str:
    """Return the option for a field."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _parameter(model: type[M], name: str) -> inspect.Parameter:
    field = model.model_fields[name]
    kind: Any
    (kind,) = (one for one in get_args(field.annotation) if one is not type(None))
    texts = _texts()[field.alias or name]
    help_ = texts["help"]
    values: tuple[str, ...] = ()
    if get_origin(kind) is Literal:
        values = get_args(kind)
        help_ += f" One of {', '.join(values)}."
        kind = str
    option = typer.Option(
        flag(name),
        help=help_,
        show_default=texts["default"] or False,
        autocompletion=_completing(values) if values else None,
    )
    annotation: Any = Annotated[kind | None, option]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _completing(values: tuple[str, ...]) -> Callable[[str], list[str]]:
    def candidates(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return candidates


@cache
def _texts() -> dict[str, dict[str, str]]:
    """Return help and default of each field; ``make generate`` writes them from the gateway's."""
    text = files("imagebatch.cli").joinpath("option_texts.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def _checked(model: type[M], values: dict[str, Any]) -> M:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        names = {one.alias: name for name, one in model.model_fields.items()}
        place = str(first["loc"][0])
        raise typer.BadParameter(first["msg"], param_hint=flag(names.get(place, place))) from error
