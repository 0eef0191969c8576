"""POST /api/validate: checks a file without making a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, UploadFile
from pydantic import BeforeValidator, ConfigDict, Field

from imagebatch_core.errors import InputRefused
from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import BAD_FILE, refusals
from imagebatch_gateway.answers.problems import invalid_csv_of, no_csv
from imagebatch_gateway.answers.upload_models import HostImages, SampleRow, ValidationAnswer
from imagebatch_gateway.services import ServicesOf
from imagebatch_gateway.uploads.table_fields import TableFields

router = APIRouter(tags=["requests"], route_class=GuardedRoute)


def _file(sent: object) -> object:
    """Return the file, or ``None`` for a field that is a text: then no file was sent."""
    return None if isinstance(sent, str) else sent


class ValidationForm(TableFields):
    """The file, and how to read it. An upload's options may be sent too; they are ignored."""

    model_config = ConfigDict(extra="ignore")

    file: Annotated[UploadFile | None, BeforeValidator(_file)] = Field(
        None, description="The CSV or .xlsx file."
    )


@router.post(
    "/api/validate",
    dependencies=[needs(Action.CREATE)],
    operation_id="validate",
    summary="Check a CSV or .xlsx file without storing it",
    responses=refusals(*BAD_FILE),
)
async def validate(
    services: ServicesOf,
    form: Annotated[ValidationForm, Form(media_type="multipart/form-data")],
) -> ValidationAnswer:
    """Every row is read and checked, as by an upload. No image is fetched."""
    if form.file is None:
        raise no_csv()
    try:
        found = await services.uploads.inspect(form.file.file, form.source())
    except InputRefused as error:
        raise invalid_csv_of(error) from error
    facts = found.facts
    return ValidationAnswer(
        products=facts.products,
        images=facts.images,
        hosts=[HostImages(host=host, images=images) for host, images in found.hosts],
        rows_checked=facts.products,
        row_problem_count=facts.row_problem_count,
        row_problems=list(facts.row_problems),
        sample=[
            SampleRow(
                row=row.number,
                serial_number=row.serial,
                product_name=row.product,
                input_image_urls=list(row.urls),
            )
            for row in found.sample
        ],
        notices=list(facts.notices),
    )
