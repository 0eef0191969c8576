"""spec.source: where the input file comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .model import Model, Name
from .source_columns import SourceColumns

#: The most bytes of an inline source in UTF-8: every watcher receives the whole ImageBatch.
INLINE_LIMIT = 16 * 1024


DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


#: A URL without a password, because everybody who may read the batch sees it. Only the API server
#: checks that, so a batch that an older CRD accepted stays readable.
HttpUrl = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=r"^https?://[^\s]+$",
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!self.matches('^https?://[^/?#]*@')",
                    "message": "an address must not hold a user or password; hosts that want one "
                    "get it from the Secret of runner.fetchCredentials (docs/runner.md)",
                }
            ]
        },
    ),
]


#: Excel allows 31 characters in the name of a sheet, other programs more.
SheetName = Annotated[str, Field(min_length=1, max_length=100)]


class S3Source(Model):
    """An object in the configured bucket."""

    key: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Key of the input file in the configured bucket, without the chart's "
        "s3.prefix. It must start with <namespace>/uploads/ or with a prefix that the chart "
        "grants the namespace."
    )


class ConfigMapSource(Model):
    """A key of a ConfigMap in the batch's namespace."""

    name: Name = Field(
        description="Name of the ConfigMap. If it does not exist yet, the batch waits for it."
    )
    key: DataKey = Field(
        "products.csv", description="Key in the ConfigMap whose value is the input file."
    )


class RetryOnly(StrEnum):
    FAILED = "failed"
    RETRYABLE = "retryable"


class RetryOfSource(Model):
    """The failed images of an earlier batch of the same namespace that has ended. `output` and
    `imagesPerShard` are those of the earlier batch. The other images keep their results and the
    URLs of their outputs, and the report lists all rows.
    """

    name: Name = Field(description="Name of the earlier ImageBatch.")
    only: RetryOnly = Field(
        RetryOnly.FAILED,
        description="Images to retry: `failed`, all that failed; `retryable`, those that may "
        "succeed at a later attempt.",
    )


class Source(Model):
    """Where the CSV or .xlsx file comes from: exactly one of s3, configMap, inline and url; or
    retryOf, the rows of an earlier batch.
    """

    s3: S3Source | None = None
    config_map: ConfigMapSource | None = None
    inline: Annotated[str, Field(min_length=1, max_length=INLINE_LIMIT)] | None = Field(
        None, description="Text of the CSV, at most 16 KiB."
    )
    url: HttpUrl | None = Field(None, description="URL of the input file, http or https.")
    retry_of: RetryOfSource | None = None
    sheet: SheetName | None = Field(
        None,
        description="Name of the sheet to read in an .xlsx file. Not set: the first sheet that is "
        "not hidden.",
    )
    columns: SourceColumns | None = Field(
        None,
        description="Columns to read. Not set: those of the expected header, or of a known export "
        "(Shopify, WooCommerce, Adobe Commerce, Google Merchant).",
    )
    base_url: HttpUrl | None = Field(
        None,
        description="Address to which paths in the URL columns are appended, such as "
        "https://shop.example/media/catalog/product.",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "(has(self.s3) ? 1 : 0) + (has(self.configMap) ? 1 : 0) + "
                    "(has(self.inline) ? 1 : 0) + (has(self.url) ? 1 : 0) + "
                    "(has(self.retryOf) ? 1 : 0) == 1",
                    "message": "exactly one of s3, configMap, inline, url and retryOf must be set",
                },
                {
                    "rule": "!has(self.sheet) || has(self.s3) || has(self.configMap) || "
                    "has(self.url)",
                    "message": "sheet names a sheet of an .xlsx file, which no inline CSV is",
                },
                {
                    "rule": "!has(self.retryOf) || !(has(self.columns) || has(self.baseUrl))",
                    "message": "a retry reads the columns that the earlier batch read",
                },
            ]
        }
    )
