"""The upload form: a file, and one field for each option of a batch.

The options are copied from the models of the spec, with their names, bounds, defaults and
descriptions. A field that is added to ``spec.output`` becomes a field of the form without a change
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from fastapi import Form, Request, UploadFile
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from starlette.datastructures import FormData

from imagebatch_core.model import Name
from imagebatch_core.source import HttpUrl, S3Source, Source
from imagebatch_core.spec import ImageBatchSpec, ReuseFrom, Webhook
from imagebatch_core.urls import UrlRefused, check_url
from imagebatch_gateway.answers.problems import Problem, invalid_options, no_csv

from .table_fields import TableFields

#: Fields of the spec that are not fields of the form. A new field of the spec becomes one unless it
#: is listed here.
_NO_OPTIONS: Final = frozenset({
    "source",  # the uploaded file
    "suspend", "cancel",  # set with PATCH once the batch exists
    "active_deadline_seconds", "ttl_seconds_after_finished", "deletion_policy", "runner",  # kubectl
})  # fmt: skip
#: Parts of the spec for which :class:`UploadForm` has fields of its own.
_BY_HAND: Final = frozenset({"output", "webhook", "reuse_from"})


@dataclass(frozen=True, slots=True)
class CheckedForm:
    """A valid upload form. ``spec_for(key)`` is the spec of its batch, once the file is stored."""

    file: UploadFile
    template: ImageBatchSpec

    def spec_for(self, key: str) -> ImageBatchSpec:
        return self.template.model_copy(update={"source": _stored_at(key, self.source)})

    @property
    def source(self) -> Source:
        """Return how the file is read: its sheet, columns and base address."""
        return self.template.source


def _check_callback(url: str) -> str:
    try:
        check_url(url)
    except UrlRefused as error:
        raise PydanticCustomError("url_refused", "{reason}", {"reason": str(error)}) from error
    return url


# check_url runs first, because its message says what is wrong; the pattern's message does not.
_Callback = Annotated[HttpUrl, BeforeValidator(_check_callback)]


class UploadForm(TableFields):
    """The fields of the form that are not copied from the spec. :func:`form_model` adds the others.

    They are the file, and the fields which are models in the spec and texts in a form: the
    webhook's URL and the request to reuse; :class:`TableFields` has those of the source.
    """

    # Accept one spelling of each option: maxWidth, not max_width.
    model_config = ConfigDict(validate_by_name=False)

    file: UploadFile = Field(
        description="The CSV or .xlsx file. IMAGEBATCH_MAX_UPLOAD_BYTES, a setting of the "
        "gateway, is the largest size."
    )
    callback: _Callback | None = Field(
        None, alias="webhookUrl", description=Webhook.model_fields["url"].description
    )
    callback_older: _Callback | None = Field(
        None,
        alias="webhook_url",
        description="Older name of webhookUrl.",
        json_schema_extra={"deprecated": True},
    )
    reuse_from: Name | None = Field(
        None,
        description="requestId of an earlier request. Its outputs are reused for images whose "
        "source has not changed since. If it still runs, this request waits until it has ended.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_as_problem(cls, sent: Any, validate: ModelWrapValidatorHandler[Any]) -> Any:
        known = {field.alias or name for name, field in cls.model_fields.items()}
        try:
            return validate(_without_blanks(sent, known))
        except ValidationError as error:
            raise _problem(error.errors(), sorted(known)) from error

    def template(self, spec: type[ImageBatchSpec]) -> ImageBatchSpec:
        """Return the spec that the form describes, with a placeholder as its source. Raises
        Problem."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        own = {name: given[name] for name in given.keys() & spec.model_fields.keys()}
        output = given.keys() & _output_of(spec).model_fields.keys()
        try:
            template = spec.model_validate(
                own
                | {
                    "source": _stored_at("pending", self.source()),
                    "output": {name: given[name] for name in output},
                    "reuse_from": ReuseFrom(name=self.reuse_from) if self.reuse_from else None,
                    "webhook": self._webhook(),
                }
            )
        except ValidationError as error:
            raise _problem(error.errors(), ()) from error
        return template

    def _webhook(self) -> Webhook | None:
        url, older = self.callback, self.callback_older
        if url and older and url != older:
            raise invalid_options(("webhook_url", "differs from webhookUrl; send one of them"))
        chosen = url or older
        return Webhook(url=chosen) if chosen else None


def form_model(spec: type[ImageBatchSpec]) -> type[UploadForm]:
    """Return :class:`UploadForm` with a field for each option of ``spec`` and of its ``output``.

    Raises:
        TypeError: an option has a type that a form field cannot hold, or two options have the same
        name. The gateway then does not start, so that no option is left out unnoticed.
    """
    options: dict[str, FieldInfo] = {}
    own = {
        name: field
        for name, field in spec.model_fields.items()
        if name not in _NO_OPTIONS | _BY_HAND
    }
    for name, field in (*_output_of(spec).model_fields.items(), *own.items()):
        if name in options or name in UploadForm.model_fields:
            raise TypeError(f"the upload form has two fields {name}")
        if not _is_plain(field.annotation):
            raise TypeError(f"the upload form cannot ask for {name}: {field.annotation}")
        options[name] = copy(field)
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in options.items()}
    return create_model("UploadForm", __base__=UploadForm, __doc__=None, **fields)


def upload_form(
    spec: type[ImageBatchSpec] = ImageBatchSpec,
) -> Callable[..., Awaitable[CheckedForm]]:
    """Return a FastAPI dependency that reads and checks the upload form.

    The dependency raises Problem 422 for an option that is unknown, out of bounds or given twice,
    and Problem 400 for a missing file.
    """

    async def read_form(request: Request, form: UploadForm) -> CheckedForm:
        _refuse_repeated(await request.form())
        return CheckedForm(form.file, form.template(spec))

    read_form.__annotations__["form"] = Annotated[
        form_model(spec), Form(media_type="multipart/form-data")
    ]
    return read_form


def _output_of(spec: type[ImageBatchSpec]) -> type[BaseModel]:
    output = spec.model_fields["output"].annotation
    assert isinstance(output, type)  # noqa: S101 - a model, not a union
    assert issubclass(output, BaseModel)  # noqa: S101
    return output


def _is_plain(annotation: Any) -> bool:
    """Return whether a form field can hold this type: text, number, choice, boolean or ``None``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_plain(arguments[0])
    if origin in (Union, UnionType):
        return all(_is_plain(argument) for argument in arguments)
    if origin is Literal:
        return True
    return annotation is NoneType or (
        isinstance(annotation, type) and issubclass(annotation, str | int | float)
    )


def _stored_at(key: str, source: Source) -> Source:
    return source.model_copy(update={"s3": S3Source(key=key)})


def _without_blanks(sent: Any, known: Collection[str]) -> dict[str, Any]:
    """Return the fields with their texts stripped, without known fields whose text is empty."""
    texts = {
        name: value.strip() if isinstance(value, str) else value for name, value in sent.items()
    }
    return {name: value for name, value in texts.items() if value != "" or name not in known}


def _refuse_repeated(form: FormData) -> None:
    """Refuse a field that is given twice: all but one of its values would be ignored."""
    counts = Counter(name for name, _ in form.multi_items())
    repeated = sorted(name for name, count in counts.items() if count > 1)
    if repeated:
        advice = {"file": "send one file per request"}
        raise invalid_options(*((n, advice.get(n, "is given more than once")) for n in repeated))


def _problem(errors: Sequence[ErrorDetails], known: Sequence[str]) -> Problem:
    faults = [(str(error["loc"][-1]), error) for error in errors if error["loc"]]
    if any(name == "file" for name, _ in faults):
        return no_csv()
    return invalid_options(
        *(
            (name, _advice(name, known) if error["type"] == "extra_forbidden" else error["msg"])
            for name, error in faults
        )
    )


def _advice(name: str, known: Sequence[str]) -> str:
    """Return the message for an unknown option, with the known name that is closest."""
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    return f"no such option{meant}"
