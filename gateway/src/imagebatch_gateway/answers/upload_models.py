"""Responses to an upload and to a check of a file."""

from __future__ import annotations

from pydantic import Field

from imagebatch_core.model import Model


class RowProblem(Model):
    """An entry of a row that is not an image URL. The other images of the row are processed."""

    line: int = Field(description="1-based line of the file in which the row starts.")
    column: int = Field(description="1-based column of the entry in the row.")
    text: str = Field(description="The entry's text, cut to 200 characters.")
    problem: str


class UploadAccepted(Model):
    """Response to an accepted upload: the file is stored and the ImageBatch exists. No image has
    been fetched yet."""

    request_id: str = Field(description="A UUID; the ImageBatch has the same name.")
    status_url: str
    download_url: str
    products: int = Field(description="Number of rows that were checked, without the header.")
    images: int = Field(
        description="Number of entries in their lists of image URLs. An entry with a problem fails "
        "alone."
    )
    rows_checked: int = Field(
        description="Number of rows that were checked: all, or of a file of more than 64 MB the "
        "first million. The others are checked when the request is planned."
    )
    row_problem_count: int
    row_problems: list[RowProblem] = Field(description="The first 100 row problems.")
    notices: list[str] = Field(
        description="Remarks on the file that need no action, such as its encoding not being UTF-8."
    )


class HostImages(Model):
    """A host that images are fetched from, or a bucket (`s3://name`), with its number of images."""

    host: str
    images: int


class SampleRow(Model):
    row: int
    serial_number: str
    product_name: str
    input_image_urls: list[str]


class ValidationAnswer(Model):
    """What the check of an uploaded file found. Nothing was stored."""

    products: int
    images: int
    hosts: list[HostImages] = Field(
        description="Hosts of the image URLs, those with the most images first, at most 100."
    )
    rows_checked: int = Field(
        description="Number of rows that were checked: all, or of a file of more than 64 MB the "
        "first million. All counts are of these."
    )
    row_problem_count: int
    row_problems: list[RowProblem] = Field(
        description="The first 100 row problems. Beside those of an upload they name addresses "
        "that will not be fetched, because they are not public, and URLs that stand twice in a row."
    )
    sample: list[SampleRow] = Field(description="The first 10 rows as they were read.")
    notices: list[str]
