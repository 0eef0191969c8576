"""The JSON body that creates a request from a source other than an upload.

It is the spec of an ImageBatch with a display name. A field that is added to the spec becomes a
field of the body without a change here.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from difflib import get_close_matches
from typing import Any, Final

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import ErrorDetails

from imagebatch_core.model import Model
from imagebatch_core.source import Source
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_core.urls import UrlRefused, check_url
from imagebatch_gateway.answers.problems import Problem, invalid_options

#: Fields of the spec that can be set only with kubectl, or with PATCH once the request exists.
_NOT_HERE: Final = frozenset({"cancel", "runner"})
_NO_SOURCES: Final = frozenset({"config_map"})
#: Fields that a retry takes from the request that it retries.
_INHERITED: Final = ("output", "imagesPerShard", "reuseFrom")


class NewRequestBase(Model):
    """A new request: what to compress, how, and the webhook to call."""

    name: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Display name of the request, shown in lists.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_as_problem(cls, sent: Any, validate: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return validate(sent)
        except ValidationError as error:
            known = [field.alias or name for name, field in cls.model_fields.items()]
            raise _problem(error.errors(), known) from error

    def spec(self) -> ImageBatchSpec:
        """Return the spec of the requested batch. Raises Problem."""
        given = self.model_dump(by_alias=True, exclude={"name"}, exclude_unset=True)
        try:
            spec = ImageBatchSpec.model_validate(given)
        except ValidationError as error:
            raise _problem(error.errors(), ()) from error
        _check_source(spec.source)
        inherited = [name for name in _INHERITED if name in given]
        if spec.source.retry_of is not None and inherited:
            text = "a retry takes it from the earlier request: leave it out"
            raise invalid_options(*((name, text) for name in inherited))
        if spec.webhook is not None:
            _check_address("webhook.url", spec.webhook.url)
        return spec


def _check_source(source: Source) -> None:
    names = ("s3", "inline", "url", "retry_of")
    kinds = [name for name in names if getattr(source, name) is not None]
    if len(kinds) != 1:
        raise invalid_options(("source", "set exactly one of s3, inline, url and retryOf"))
    if source.url is not None:
        _check_address("source.url", source.url)


def _check_address(field: str, url: str) -> None:
    try:
        check_url(url)
    except UrlRefused as error:
        raise invalid_options((field, str(error))) from error


def _copied(model: type[BaseModel], without: frozenset[str]) -> dict[str, Any]:
    return {
        name: (field.annotation, copy(field))
        for name, field in model.model_fields.items()
        if name not in without
    }


_NewSource: Final = create_model(
    "NewSource",
    __base__=Model,
    __doc__="Where the CSV or .xlsx file comes from: exactly one of s3, inline, url and retryOf.",
    **_copied(Source, _NO_SOURCES),
)

NewRequest: Final = create_model(
    "NewRequest",
    __base__=NewRequestBase,
    __doc__=NewRequestBase.__doc__,
    source=(_NewSource, ...),
    **_copied(ImageBatchSpec, _NOT_HERE | {"source"}),
)


def _problem(errors: Sequence[ErrorDetails], known: Sequence[str]) -> Problem:
    return invalid_options(
        *(
            (
                ".".join(map(str, error["loc"])) or "body",
                _advice(str(error["loc"][-1]), known)
                if error["type"] == "extra_forbidden"
                else error["msg"],
            )
            for error in errors
        )
    )


def _advice(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return "no such field" + (f"; did you mean {near[0]!r}?" if near else "")
