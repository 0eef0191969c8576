"""What callers send to the gateway. A test compares the models with docs/reference/openapi.json.

A field that is not set is not sent: the gateway's default applies.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Format = Literal["jpeg", "webp", "avif", "png", "original"]
Profile = Literal["fast", "small"]
Metadata = Literal["strip", "keep"]
SuspendAfter = Literal["Plan"]
RetryOnly = Literal["failed", "retryable"]
DeletionPolicy = Literal["Retain", "Delete"]
KeyScope = Literal["read", "write"]


class Body(BaseModel):
    """Base of everything that is sent. A misspelled field is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    def set_fields(self) -> dict[str, Any]:
        """Return the fields that were set, None included, with names in camelCase."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def given_fields(self) -> dict[str, Any]:
        """Return the fields that are not None, with names in camelCase."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class TableOptions(Body):
    """How a CSV or .xlsx file is read."""

    sheet: str | None = None
    image_url_columns: str | None = None
    product_name_column: str | None = None
    serial_number_column: str | None = None
    base_url: str | None = None


class UploadOptions(TableOptions):
    """Options of an upload; docs/api.md has what each means and its default."""

    webhook_url: str | None = None
    reuse_from: str | None = None
    format: Format | None = None
    quality: int | None = None
    profile: Profile | None = None
    max_width: int | None = None
    max_height: int | None = None
    metadata: Metadata | None = None
    images_per_shard: int | None = None
    parallelism: int | None = None
    priority: int | None = None
    retries: int | None = None
    max_failed_percent: int | None = None
    suspend_after: SuspendAfter | None = None
    dry_run: bool | None = None


class Patch(Body):
    """Change of a request, as a JSON merge patch: a field that is set to None is removed."""

    suspend: bool | None = None
    suspend_after: SuspendAfter | None = None
    cancel: bool | None = None
    parallelism: int | None = None
    priority: int | None = None


class Columns(Body):
    """Columns of a file whose header is not the expected one."""

    image_urls: list[str]
    product_name: str | None = None
    serial_number: str | None = None


class S3Object(Body):
    """An object in the gateway's bucket."""

    key: str


class RetryOf(Body):
    """An earlier request whose failed images are retried."""

    name: str
    only: RetryOnly | None = None


class Source(Body):
    """Where the rows come from: one of ``s3``, ``inline``, ``url`` and ``retry_of``."""

    s3: S3Object | None = None
    inline: str | None = None
    url: str | None = None
    retry_of: RetryOf | None = None
    sheet: str | None = None
    columns: Columns | None = None
    base_url: str | None = None


class Output(Body):
    """How images are compressed."""

    format: Format | None = None
    quality: int | None = None
    profile: Profile | None = None
    max_width: int | None = None
    max_height: int | None = None
    metadata: Metadata | None = None


class SecretKey(Body):
    """A key of a Secret in the request's namespace."""

    name: str
    key: str | None = None


class Webhook(Body):
    """Where the event of the request's end is sent."""

    url: str
    secret_ref: SecretKey | None = None


class Reuse(Body):
    """An earlier request whose outputs are reused for unchanged images."""

    name: str


class NewRequest(Body):
    """A request that is created from JSON; docs/operator.md has what each field means."""

    name: str | None = None
    source: Source
    reuse_from: Reuse | None = None
    output: Output | None = None
    images_per_shard: int | None = None
    parallelism: int | None = None
    priority: int | None = None
    retries: int | None = None
    max_failed_percent: int | None = None
    suspend: bool | None = None
    suspend_after: SuspendAfter | None = None
    dry_run: bool | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    deletion_policy: DeletionPolicy | None = None
    webhook: Webhook | None = None


class NewKey(Body):
    """An API key that is to be made."""

    name: str
    scope: KeyScope | None = None
    expires_in_days: int | None = None
