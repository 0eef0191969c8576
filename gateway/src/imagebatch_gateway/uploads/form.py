"""The form fields of an upload, and the spec that they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Final

from fastapi import Form, Request, UploadFile
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from starlette.datastructures import UploadFile as StarletteUploadFile

from imagebatch_core.egress import UrlRefused, check_url
from imagebatch_core.spec import (
    Format,
    ImageBatchSpec,
    Metadata,
    Output,
    Profile,
    ReuseFrom,
    S3Source,
    Source,
    Webhook,
)
from imagebatch_core.unsupported import unsupported
from imagebatch_gateway.answers.problems import invalid_options, not_implemented

_FIELDS: Final = (
    "file",
    "webhookUrl",
    "webhook_url",
    "format",
    "quality",
    "profile",
    "maxWidth",
    "maxHeight",
    "metadata",
    "imagesPerShard",
    "parallelism",
    "retries",
    "maxFailedPercent",
    "dryRun",
    "reuseFrom",
)


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A checked form: ``spec_for(key)`` is valid for whatever key the file is stored under."""

    file: UploadFile
    template: ImageBatchSpec

    def spec_for(self, key: str) -> ImageBatchSpec:
        return self.template.model_copy(update={"source": Source(s3=S3Source(key=key))})


async def upload_form(  # noqa: PLR0917 - FastAPI fills it by name
    request: Request,
    file: Annotated[UploadFile, Form(description="The CSV.")],
    webhook_url: Annotated[
        str | None,
        Form(alias="webhookUrl", description="Called once when the batch has ended."),
    ] = None,
    webhook_url_alias: Annotated[
        str | None, Form(alias="webhook_url", description="The same under its older name.")
    ] = None,
    format_: Annotated[
        Format | None, Form(alias="format", description="Default jpeg; original keeps each.")
    ] = None,
    quality: Annotated[int | None, Form(ge=1, le=100, description="Default 50.")] = None,
    profile: Annotated[Profile | None, Form(description="Default fast.")] = None,
    max_width: Annotated[
        int | None, Form(alias="maxWidth", ge=1, le=65535, description="Pixels.")
    ] = None,
    max_height: Annotated[
        int | None, Form(alias="maxHeight", ge=1, le=65535, description="Pixels.")
    ] = None,
    metadata: Annotated[Metadata | None, Form(description="Default strip.")] = None,
    images_per_shard: Annotated[
        int | None,
        Form(alias="imagesPerShard", ge=1, le=100_000, description="Per pod; default 500."),
    ] = None,
    parallelism: Annotated[
        int | None, Form(ge=1, le=1000, description="Pods at once; default 4.")
    ] = None,
    retries: Annotated[
        int | None, Form(ge=0, le=10, description="Further attempts for an image; default 3.")
    ] = None,
    max_failed_percent: Annotated[
        int | None,
        Form(
            alias="maxFailedPercent",
            ge=0,
            le=100,
            description="The batch is failed when a larger share failed; default 100.",
        ),
    ] = None,
    dry_run: Annotated[
        bool | None, Form(alias="dryRun", description="Only count and check.")
    ] = None,
    reuse_from: Annotated[
        str | None,
        Form(
            alias="reuseFrom",
            description="requestId of an earlier request: what did not change is taken over.",
        ),
    ] = None,
) -> UploadForm:
    """Raises Problem 422 for an option that is misspelled or out of bounds, 400 for one that the
    operator would refuse."""
    await _refuse_unknown_fields(request)
    output = {
        "format": format_,
        "quality": quality,
        "profile": profile,
        "max_width": max_width,
        "max_height": max_height,
        "metadata": metadata,
    }
    spec = {
        "images_per_shard": images_per_shard,
        "parallelism": parallelism,
        "retries": retries,
        "max_failed_percent": max_failed_percent,
        "dry_run": dry_run,
        "reuse_from": _reused(reuse_from),
        "webhook": _webhook(webhook_url, webhook_url_alias),
    }
    try:
        template = ImageBatchSpec(
            source=Source(s3=S3Source(key="pending")),
            output=Output.model_validate({k: v for k, v in output.items() if v is not None}),
            **{k: v for k, v in spec.items() if v is not None},
        )
    except ValidationError as error:
        raise invalid_options(
            *((to_camel(str(e["loc"][-1])), e["msg"]) for e in error.errors())
        ) from error
    refused = unsupported(template)
    if refused:
        raise not_implemented(refused)
    return UploadForm(file, template)


def _reused(name: str | None) -> ReuseFrom | None:
    try:
        return ReuseFrom(name=name.strip()) if name else None
    except ValidationError as error:
        raise invalid_options(("reuseFrom", error.errors()[0]["msg"])) from error


def _webhook(url: str | None, alias: str | None) -> Webhook | None:
    if url and alias and url != alias:
        raise invalid_options(("webhook_url", "differs from webhookUrl; send one of them"))
    chosen = url or alias
    if not chosen:
        return None
    try:
        check_url(chosen.strip())
        return Webhook(url=chosen.strip())
    except UrlRefused as error:
        raise invalid_options(("webhookUrl", str(error))) from error
    except ValidationError as error:
        raise invalid_options(("webhookUrl", error.errors()[0]["msg"])) from error


async def _refuse_unknown_fields(request: Request) -> None:
    """A misspelled option must not turn into ten million images of the wrong kind."""
    form = await request.form()
    unknown = sorted(set(form.keys()) - set(_FIELDS))
    if unknown:
        raise invalid_options(*((name, _advice(name)) for name in unknown))
    files = [v for v in form.getlist("file") if isinstance(v, StarletteUploadFile)]
    if len(files) > 1:
        raise invalid_options(("file", "send one file per request"))


def _advice(name: str) -> str:
    near = get_close_matches(name, _FIELDS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_FIELDS)}"
    return f"no such option{meant}"
