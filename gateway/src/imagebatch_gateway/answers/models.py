"""Response bodies. The OpenAPI document is generated from them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from imagebatch_core.condition import Condition
from imagebatch_core.job import Estimate
from imagebatch_core.model import Model
from imagebatch_core.spec import SuspendAfter
from imagebatch_core.status import Bytes, Images
from imagebatch_core.words import ReasonWord

from .webhook_models import WebhookAnswer


class RequestStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StatusAnswer(Model):
    """Status of one request, whether it was made by an upload, in JSON or by `kubectl apply`."""

    request_id: str
    status: RequestStatus
    output_image_urls: list[str] = Field(
        description="URLs of the outputs in input order, at most 1,000. Empty until the report is "
        "written."
    )
    output_image_urls_truncated: bool = Field(
        description="Whether there are more output URLs, or they could not be read now. `next` "
        "leads to them."
    )
    next: str | None = Field(
        description="URL of the next page of output URLs; null if there is none."
    )
    products: int | None = Field(
        description="Number of products (rows); null until the input is planned."
    )
    row_problem_count: int | None = Field(
        description="Number of rows without image URLs and of entries that are not image URLs. "
        "The report lists them. Null until the input is planned."
    )
    notices: list[str] = Field(
        description="Remarks on the input that need no action, such as its encoding not being "
        "UTF-8."
    )
    note: str | None = Field(
        description="What is missing in this response because the object store does not respond. "
        "Null if nothing is missing."
    )
    input_sha256: str | None = Field(
        description="SHA-256 of the request's input file. Null until the input is planned."
    )
    images: Images = Field(
        description="Counts of images. While the request runs, they include every result recorded "
        "so far."
    )
    bytes: Bytes | None = Field(
        description="Of the images with an output; while running, of those recorded so far."
    )
    saved: str | None = Field(description="Share of bytes saved, as 61.3%.")
    reuse: str | None = Field(
        description="What was found of the request named in `reuseFrom`; null if none was named."
    )
    reason: ReasonWord | None = Field(
        description="Reason of the condition that explains the status best; `message` is its "
        "message."
    )
    message: str | None
    conditions: list[Condition]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: str | None
    status_url: str
    download_url: str | None = Field(
        description="URL of the output CSV; null until it can be downloaded."
    )
    expired: bool = Field(
        False, description="Whether the ImageBatch is gone. What it made stays readable."
    )
    webhook: WebhookAnswer | None = Field(
        description="State of the webhook's delivery; null if the request has no webhook."
    )


class RequestAnswer(StatusAnswer):
    """A request: its status, as `/api/status` returns it, and what it was made from."""

    name: str | None = Field(description="Display name of the request; null if none was given.")
    file_name: str | None = Field(
        description="Name of the uploaded file; null if the request was not an upload."
    )
    created_by: str | None = Field(
        description="User who made the request; null if callers do not sign in."
    )
    webhook_url: str | None = Field(
        description="URL of the webhook, without password, query and fragment."
    )
    suspend: bool
    suspend_after: SuspendAfter | None = Field(
        description="Plan: it is held once its images are counted; null by PATCH goes on."
    )
    parallelism: int
    priority: int
    queue_position: int | None = Field(
        description="Place among the requests that wait for their turn, from 1; null unless it "
        "waits. `reason` is then Queued."
    )
    estimate: Estimate | None = Field(
        description="What the request will take, measured with a sample of its images. Only after "
        "a dry run, and where it is held after plan (`suspendAfter`)."
    )


class RequestItem(Model):
    """Summary of one request in a list of requests."""

    request_id: str
    name: str | None
    file_name: str | None
    created_by: str | None
    status: RequestStatus
    products: int | None
    images: Images = Field(
        description="Counts of images. While the request runs, only whole shards are counted."
    )
    bytes: Bytes | None
    saved: str | None
    created_at: datetime
    completed_at: datetime | None
    expired: bool = Field(
        description="Whether the ImageBatch is gone. What it made stays readable."
    )


class RequestList(Model):
    items: list[RequestItem]
    note: str | None = Field(
        None, description="What is missing in this page because the object store does not respond."
    )
    next: str | None = Field(description="URL of the next page; null on the last one.")


class RequestCreated(Model):
    """Response to a created request. Its source has not been read yet."""

    request_id: str
    status_url: str
    download_url: str


class ProblemAnswer(BaseModel):
    """Problem details (RFC 9457). `message` is the sentence to show to a person."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    errors: list[dict[str, Any]] | None = None

    model_config = ConfigDict(extra="allow")


class CallerAnswer(Model):
    """Who the caller is, and what the caller may do in one namespace."""

    auth_mode: Literal["none", "kubernetes", "proxy"] = Field(
        description="How callers sign in. `none`: they do not, and everybody may read and write."
    )
    user: str | None = Field(
        description="Name of the user, or `key:` and the name of the API key; null if not signed "
        "in."
    )
    kind: Literal["anonymous", "user", "key"]
    namespace: str = Field(
        description="Namespace to which `mayRead`, `mayWrite` and `mayManageKeys` apply."
    )
    namespaces: list[str] = Field(description="Namespaces whose requests the caller may list.")
    may_read: bool
    may_write: bool = Field(description="Whether the caller may create requests in the namespace.")
    may_manage_keys: bool


class Health(Model):
    """Health of the gateway, and of the API server and object store that it uses."""

    status: Literal["ok", "degraded"]
    problems: dict[str, str] = Field(
        default_factory=dict,
        description="Error message of each system that fails, `cluster` or `store`; empty if both "
        "work.",
    )
