"""The bodies of answers about results: products, images and failures."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from imagebatch_core.indexes import FailureExample
from imagebatch_core.model import Model
from imagebatch_core.results import ErrorCode, ImageStatus

from .models import EXAMPLE_ID, HOST, RequestStatus


class Product(Model):
    """A row of the input with its outputs."""

    id: str = Field(description="`<requestId>-<row>`")
    row: int = Field(description="1-based row of the input, without its header.")
    serial_number: str
    product_name: str
    input_image_urls: list[str]
    output_image_urls: list[str | None] = Field(
        description="The Nth belongs to the Nth input; null where there is none (yet)."
    )
    request_id: str
    status: RequestStatus = Field(
        description="pending until one of its images has a result, completed or failed once all "
        "have: failed if none of them has an output. Otherwise that of the request."
    )
    failed_images: int
    created_at: datetime = Field(description="When the request was made.")
    updated_at: datetime = Field(description="When its last result was recorded.")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": f"{EXAMPLE_ID}-1",
                "row": 1,
                "serialNumber": "1",
                "productName": "Mug",
                "inputImageUrls": ["https://a.example/1.png", "https://a.example/2.png"],
                "outputImageUrls": [f"{HOST}/files/shop/7c9e…/images/1-1-9f86d0….jpg", None],
                "requestId": EXAMPLE_ID,
                "status": "completed",
                "failedImages": 1,
                "createdAt": "2026-11-24T10:00:00Z",
                "updatedAt": "2026-11-24T10:00:07Z",
            }
        }
    )


class ProductList(Model):
    items: list[Product]
    next: str | None = Field(description="Address of the following page.")


class ImageItem(Model):
    """The result of one image: a line of `report.jsonl`."""

    model_config = ConfigDict(extra="ignore")

    row: int
    position: int = Field(description="1-based place in the row's list of URLs.")
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
    etag: str | None = Field(None, description="What the host said of the source.")
    last_modified: str | None = None
    final_url_sha256: str | None = None
    recorded_at: datetime | None = None


class ImageList(Model):
    items: list[ImageItem]
    next: str | None = Field(
        description="Address of the following page, which may be empty and have a next one."
    )


class FailureItem(Model):
    """All images that failed for one reason."""

    code: str = Field(json_schema_extra={"examples": [c.value for c in ErrorCode]})
    retryable: bool = Field(description="Whether trying later may help.")
    count: int
    message: str
    examples: list[FailureExample] = Field(description="The first of them, at most 5.")


class FailureList(Model):
    items: list[FailureItem] = Field(description="The most frequent first.")
    next: None = None
