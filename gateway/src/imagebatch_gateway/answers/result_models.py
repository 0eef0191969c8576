"""Response bodies of the calls about results: products, images and failures."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from imagebatch_core.indexes import FailureExample
from imagebatch_core.model import Model
from imagebatch_core.results import ErrorCode, ImageStatus

from .models import RequestStatus


class Product(Model):
    """A row of the input with its outputs."""

    id: str = Field(description="Id of the product: `<requestId>-<row>`.")
    row: int = Field(description="1-based row of the input; the header is not counted.")
    serial_number: str
    product_name: str
    input_image_urls: list[str]
    output_image_urls: list[str | None] = Field(
        description="URLs of the outputs. The Nth belongs to the Nth input URL; null if there is "
        "no output."
    )
    request_id: str
    status: RequestStatus = Field(
        description="Status of the product. Once all its images have results it is `failed` if "
        "all of them failed, otherwise `completed`. Before, it is the status of the request; "
        "while that is `processing`, a product without any result is `pending`."
    )
    failed_images: int
    created_at: datetime = Field(description="Time at which the request was made.")
    updated_at: datetime = Field(
        description="Time at which the product's last result was recorded."
    )


class ProductList(Model):
    items: list[Product]
    next: str | None = Field(description="URL of the next page; null on the last one.")


class ImageItem(Model):
    """The result of one image: a line of `report.jsonl`."""

    model_config = ConfigDict(extra="ignore")

    row: int
    position: int = Field(description="1-based position of the image in the row's list of URLs.")
    input_url: str
    status: str = Field(json_schema_extra={"examples": [s.value for s in ImageStatus]})
    output_url: str | None = None
    output_key: str | None = Field(None, description="Key of the output in the bucket.")
    error_code: str | None = Field(
        None, json_schema_extra={"examples": [c.value for c in ErrorCode]}
    )
    error_message: str | None = None
    retryable: bool = False
    http_status: int | None = None
    attempts: int = 0
    bytes_in: int | None = None
    bytes_out: int | None = None
    width: int | None = None
    height: int | None = None
    source_sha256: str | None = None
    etag: str | None = Field(None, description="ETag with which the host sent the source.")
    last_modified: str | None = None
    final_url_sha256: str | None = None
    recorded_at: datetime | None = None


class ImageList(Model):
    items: list[ImageItem]
    next: str | None = Field(
        description="URL of the next page; null on the last one. A page may be empty and still "
        "have a next one."
    )


class FailureItem(Model):
    """The images that failed with one error code."""

    code: str = Field(json_schema_extra={"examples": [c.value for c in ErrorCode]})
    retryable: bool = Field(description="Whether a later attempt may succeed.")
    count: int
    message: str
    examples: list[FailureExample] = Field(description="The first of these images, at most 5.")


class FailureList(Model):
    items: list[FailureItem] = Field(description="Failures by error code, the most frequent first.")
    next: None = None


class Preview(Model):
    """A sampled image before and after compression."""

    row: int
    position: int = Field(description="Position in the row's list of image URLs, from 1 on.")
    before: str = Field(description="URL of the source, at this gateway.")
    after: str = Field(description="URL of the output.")
    width: int = Field(description="Width of the output in pixels.")
    height: int = Field(description="Height of the output in pixels.")
    bytes_in: int = Field(description="Size of the source as it was fetched, in bytes.")
    bytes_out: int = Field(description="Size of the output, in bytes.")


class PreviewList(Model):
    items: list[Preview] = Field(description="In input order.")
    next: None = None
