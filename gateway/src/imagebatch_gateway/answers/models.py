"""The bodies of answers, from which the OpenAPI document is generated."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from imagebatch_core.model import Model
from imagebatch_core.spec import SuspendAfter
from imagebatch_core.status import Bytes, Condition, Images
from imagebatch_core.words import ReasonWord

EXAMPLE_ID: Final = "5f0c1b52-9d0e-4b4e-9a51-0e6f3a6c1d2e"
HOST: Final = "http://127.0.0.1:8080"


class RequestStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RowProblem(Model):
    """What is no image URL in a row; the row and its other images are not affected."""

    line: int = Field(description="1-based line of the file where the row starts.")
    column: int = Field(description="1-based field of the row.")
    text: str = Field(description="What stands there, at most 200 characters of it.")
    problem: str


class UploadAccepted(Model):
    """The upload is stored and its ImageBatch exists; no image has been fetched yet."""

    request_id: str = Field(description="A UUID; the ImageBatch has the same name.")
    status_url: str
    download_url: str
    products: int = Field(description="Data rows of the CSV.")
    images: int = Field(
        description="Entries of their lists of image URLs; those with a problem fail alone."
    )
    row_problem_count: int
    row_problems: list[RowProblem] = Field(description="The first 100.")
    notices: list[str] = Field(
        description="What was noticed and stops nothing, as that the file is no UTF-8."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "requestId": EXAMPLE_ID,
                "statusUrl": f"{HOST}/api/status/{EXAMPLE_ID}",
                "downloadUrl": f"{HOST}/api/download/{EXAMPLE_ID}",
                "products": 3,
                "images": 7,
                "rowProblemCount": 1,
                "rowProblems": [
                    {
                        "line": 4,
                        "column": 3,
                        "text": "n/a",
                        "problem": "'n/a' is no address of an image: it must begin with "
                        "https://, http:// or s3://",
                    }
                ],
                "notices": [],
            }
        }
    )


class HostImages(Model):
    """A host that images come from, or a bucket as `s3://name`."""

    host: str
    images: int


class SampleRow(Model):
    row: int
    serial_number: str
    product_name: str
    input_image_urls: list[str]


class ValidationAnswer(Model):
    """What an upload of this file would find. Nothing was kept."""

    products: int
    images: int
    hosts: list[HostImages] = Field(description="Those with the most images first, at most 100.")
    rows_checked: int
    row_problem_count: int
    row_problems: list[RowProblem] = Field(description="The first 100.")
    sample: list[SampleRow] = Field(description="The first 10 rows as they were read.")
    notices: list[str]


class WebhookAnswer(Model):
    """How far the delivery of the webhook has come. The receiver's address is left out."""

    event_id: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_code: int | None = Field(None, description="HTTP status of the last attempt.")
    delivered_at: datetime | None = None
    abandoned: bool = False


class StatusAnswer(Model):
    """One request, however it was made: by an upload or by `kubectl apply`."""

    request_id: str
    status: RequestStatus
    output_image_urls: list[str] = Field(
        description="Outputs in input order, at most 1,000; empty until the report is written."
    )
    output_image_urls_truncated: bool = Field(
        description="There are more than these, or they could not be read; `next` leads to them."
    )
    next: str | None = Field(description="Where the URLs after these are found.")
    products: int | None = Field(description="Null until the input is planned.")
    row_problem_count: int | None = Field(
        description="Rows without images, and entries of their lists that are no address of one; "
        "the report says which. Null until it is planned."
    )
    notices: list[str] = Field(
        description="What was noticed in the input and stops nothing, as that it is no UTF-8."
    )
    note: str | None = Field(
        description="What is missing in this answer, and why: the object store does not answer. "
        "Everything else is what the resource knows."
    )
    input_sha256: str | None = Field(
        description="Hash of the CSV that the request works on. Null until it is planned."
    )
    images: Images = Field(
        description="While running, counted from what the pods have recorded so far."
    )
    bytes: Bytes | None
    saved: str | None = Field(description="Share of bytes saved, as 61.3%.")
    reuse: str | None = Field(
        description="What was found of the request to reuse; null when none was named."
    )
    reason: ReasonWord | None = Field(
        description="Of the condition that says most about the state."
    )
    message: str | None
    conditions: list[Condition]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: str | None
    status_url: str
    download_url: str | None = Field(description="Set once the output CSV can be downloaded.")
    webhook: WebhookAnswer | None = Field(description="Null when none was asked for.")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "requestId": EXAMPLE_ID,
                "status": "completed",
                "outputImageUrls": [f"{HOST}/files/shop/7c9e…/images/1-1-9f86d0….jpg"],
                "outputImageUrlsTruncated": False,
                "next": None,
                "products": 3,
                "rowProblemCount": 1,
                "notices": [],
                "note": None,
                "inputSha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "images": {
                    "total": 7,
                    "done": 7,
                    "succeeded": 6,
                    "kept": 0,
                    "reused": 0,
                    "failed": 1,
                },
                "bytes": {"in": 5213004, "out": 1840112},
                "saved": "64.7%",
                "reuse": None,
                "reason": "CompletedWithFailures",
                "message": "6 images compressed, 1 failed",
                "conditions": [],
                "createdAt": "2026-11-24T10:00:00Z",
                "startedAt": "2026-11-24T10:00:01Z",
                "completedAt": "2026-11-24T10:00:09Z",
                "duration": "8s",
                "statusUrl": f"{HOST}/api/status/{EXAMPLE_ID}",
                "downloadUrl": f"{HOST}/api/download/{EXAMPLE_ID}",
                "webhook": None,
            }
        }
    )


class RequestAnswer(StatusAnswer):
    """A request as /api/status tells it, and what it was made from."""

    name: str | None = Field(description="A name for people, if it was given one.")
    file_name: str | None = Field(description="Of the uploaded file.")
    created_by: str | None = Field(description="Who made it; null where nobody signs in.")
    webhook_url: str | None = Field(description="Without password, query and fragment.")
    suspend: bool
    suspend_after: SuspendAfter | None = Field(
        description="Plan: it is held once its images are counted; null by PATCH goes on."
    )
    parallelism: int


class RequestItem(Model):
    """A request in a list."""

    request_id: str
    name: str | None
    file_name: str | None
    created_by: str | None
    status: RequestStatus
    products: int | None
    images: Images = Field(description="As the operator counts them: whole shards while it runs.")
    bytes: Bytes | None
    saved: str | None
    created_at: datetime
    completed_at: datetime | None


class RequestList(Model):
    items: list[RequestItem]
    next: str | None = Field(description="Address of the following page.")


class RequestCreated(Model):
    """The request exists; its source has not been read yet."""

    request_id: str
    status_url: str
    download_url: str


class ProblemAnswer(BaseModel):
    """Problem details (RFC 9457); ``message`` is the sentence to show."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    errors: list[dict[str, Any]] | None = None

    model_config = ConfigDict(extra="allow")


class Caller(Model):
    """Who calls, and what they may do."""

    auth_mode: Literal["none"] = Field(description="How callers are told apart: not at all.")
    user: str | None = Field(description="Null where nobody signs in.")
    namespaces: list[str] = Field(description="Those whose requests the caller reaches.")
    may_read: bool
    may_write: bool


class Health(Model):
    """Whether the gateway works, and whether both systems behind it answer."""

    status: Literal["ok", "degraded"]
    problems: dict[str, str] = Field(
        default_factory=dict,
        description="What does not answer, `cluster` or `store`, and why; empty when both do.",
    )
