"""What the gateway returns. A test compares the models with docs/reference/openapi.json.

Fields are in snake_case; the JSON has camelCase. Fields that a newer gateway adds are ignored.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """Base of everything that is read from the gateway."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def as_json(self) -> dict[str, Any]:
        """Return the model as the gateway's JSON has it, with names in camelCase."""
        return self.model_dump(mode="json", by_alias=True)


class RequestStatus(StrEnum):
    """State of a request."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether a request in this state does not change any more."""
        return self in {self.COMPLETED, self.FAILED, self.CANCELLED}


class Images(ApiModel):
    """Counts of a request's images."""

    total: int = 0
    done: int = 0
    succeeded: int | None = None
    kept: int | None = None
    reused: int | None = None
    failed: int | None = None


class Bytes(ApiModel):
    """Bytes of the images that are done, before and after compression."""

    in_: int = Field(0, alias="in")
    out: int = 0


class Estimate(ApiModel):
    """What a request will take, measured by compressing a sample of its images."""

    images: int
    bytes_in: int
    bytes_out: int
    seconds: int
    sampled: int
    failed: int


class Condition(ApiModel):
    """A condition of the ImageBatch."""

    type: str
    status: str
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime


class WebhookState(ApiModel):
    """How far the delivery of a request's webhook has come."""

    event_id: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_code: int | None = None
    delivered_at: datetime | None = None
    abandoned: bool = False


class RequestSummary(ApiModel):
    """A request as a list has it."""

    request_id: str
    name: str | None
    file_name: str | None
    created_by: str | None
    status: RequestStatus
    products: int | None
    images: Images
    bytes: Bytes | None
    saved: str | None
    created_at: datetime
    completed_at: datetime | None
    expired: bool


class Request(ApiModel):
    """A request with its progress and what it was made from."""

    request_id: str
    status: RequestStatus
    output_image_urls: list[str]
    output_image_urls_truncated: bool
    next: str | None
    products: int | None
    row_problem_count: int | None
    notices: list[str]
    note: str | None
    input_sha256: str | None
    images: Images
    bytes: Bytes | None
    saved: str | None
    reuse: str | None
    reason: str | None
    message: str | None
    conditions: list[Condition]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: str | None
    status_url: str
    download_url: str | None
    expired: bool = False
    webhook: WebhookState | None
    name: str | None
    file_name: str | None
    created_by: str | None
    webhook_url: str | None
    suspend: bool
    suspend_after: str | None
    parallelism: int
    priority: int
    queue_position: int | None
    estimate: Estimate | None


class RowProblem(ApiModel):
    """A problem in one row of an uploaded file."""

    line: int
    column: int
    text: str
    problem: str


class Upload(ApiModel):
    """An accepted upload."""

    request_id: str
    status_url: str
    download_url: str
    products: int
    images: int
    rows_checked: int
    row_problem_count: int
    row_problems: list[RowProblem]
    notices: list[str]


class Created(ApiModel):
    """A request that was created from JSON or by a retry."""

    request_id: str
    status_url: str
    download_url: str


class HostImages(ApiModel):
    """Number of a file's images that one host serves."""

    host: str
    images: int


class SampleRow(ApiModel):
    """A row of a file, as the gateway reads it."""

    row: int
    serial_number: str
    product_name: str
    input_image_urls: list[str]


class Validation(ApiModel):
    """What an upload of a file would find."""

    products: int
    images: int
    hosts: list[HostImages]
    rows_checked: int
    row_problem_count: int
    row_problems: list[RowProblem]
    sample: list[SampleRow]
    notices: list[str]


class Image(ApiModel):
    """Result of one image."""

    row: int
    position: int
    input_url: str
    status: str
    output_url: str | None = None
    output_key: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    retryable: bool = False
    http_status: int | None = None
    attempts: int = 0
    bytes_in: int | None = None
    bytes_out: int | None = None
    width: int | None = None
    height: int | None = None
    source_sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    final_url_sha256: str | None = None
    recorded_at: datetime | None = None


class FailureExample(ApiModel):
    """One image that failed for a reason."""

    row: int
    position: int
    input_url: str
    message: str | None = None


class Failure(ApiModel):
    """A reason for which images failed, and how many did."""

    code: str
    retryable: bool
    count: int
    message: str
    examples: list[FailureExample]


class Product(ApiModel):
    """A row of the input with its outputs; None where an image has no output."""

    id: str
    row: int
    serial_number: str
    product_name: str
    input_image_urls: list[str]
    output_image_urls: list[str | None]
    request_id: str
    status: RequestStatus
    failed_images: int
    created_at: datetime
    updated_at: datetime


class WebhookAttempt(ApiModel):
    """One attempt to deliver a webhook."""

    attempted_at: datetime
    code: int | None
    message: str


class WebhookDelivery(ApiModel):
    """The delivery of a request's webhook, with its last attempts."""

    url: str
    event_id: str | None = None
    event: str | None = None
    attempt_count: int = 0
    attempts: list[WebhookAttempt] = []
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    abandoned: bool = False
