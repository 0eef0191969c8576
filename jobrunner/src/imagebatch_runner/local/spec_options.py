"""Make command-line options from the fields of the spec's models.

Types, bounds, defaults and descriptions come from the fields, so that a field added to
``spec.output`` becomes an option without a change here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from annotated_types import Ge, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from imagebatch_core.model import Model


def options_of(
    model: type[Model], parameter: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command one option for each field of ``model``.

    The options replace the keyword ``parameter`` of the command, which gets a ``model``.

    Raises:
        TypeError: a field cannot be an option. The command fails rather than lack an option that a
            manifest has.
    """
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[_type(field), option(model, name)],
        )
        for name, field in model.model_fields.items()
    ]

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            values = {name: given.pop(name) for name in model.model_fields}
            command(**given, **{parameter: _checked(model, values)})

        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for one in signature.parameters.values():
            parameters += options if one.name == parameter else [one]
        vars(called)["__signature__"] = signature.replace(parameters=parameters)
        return called

    return decorated


def option(model: type[Model], name: str) -> Any:
    """Return the Typer option for the field ``name`` of ``model``."""
    field = model.model_fields[name]
    constraints = _constraints(field)
    least = next((one.ge for one in constraints if isinstance(one, Ge)), None)
    most = next((one.le for one in constraints if isinstance(one, Le)), None)
    return typer.Option(
        _flag(name),
        help=field.description,
        min=least if isinstance(least, int) else None,
        max=most if isinstance(most, int) else None,
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _checked(model: type[Model], values: dict[str, Any]) -> Model:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(first["msg"], param_hint=_flag(str(first["loc"][0]))) from error


def _type(field: FieldInfo) -> Any:
    """Return the field's type without constraints: a number, text or choice, perhaps optional.

    Raises:
        TypeError: it is another type.
    """
    found, _ = _split(field.annotation)
    if not isinstance(found, type) or not issubclass(found, str | int | float):
        raise TypeError(f"no command-line option can have the type {field.annotation}")
    optional = NoneType in get_args(field.annotation)
    return found | None if optional else found


def _constraints(field: FieldInfo) -> Sequence[Any]:
    return [*field.metadata, *_split(field.annotation)[1]]


def _split(annotation: Any) -> tuple[Any, Sequence[Any]]:
    """Return the type without ``None`` and ``Annotated``, and the metadata of ``Annotated``."""
    if get_origin(annotation) in (Union, UnionType):
        others = [one for one in get_args(annotation) if one is not NoneType]
        return _split(others[0]) if len(others) == 1 else (annotation, ())
    if get_origin(annotation) is Annotated:
        found, *said = get_args(annotation)
        return found, [
            each for one in said for each in (one.metadata if isinstance(one, FieldInfo) else [one])
        ]
    return annotation, ()
