"""The client's models against the gateway's OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from imagebatch import bodies, key_models, models
from imagebatch.cli.model_options import flag, options_of

DOCUMENT = json.loads(
    (Path(__file__).parents[3] / "docs/reference/openapi.json").read_text(encoding="utf-8")
)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

READ: dict[str, type[BaseModel]] = {
    "Images": models.Images,
    "Bytes": models.Bytes,
    "Estimate": models.Estimate,
    "Condition": models.Condition,
    "WebhookAnswer": models.WebhookState,
    "RequestItem": models.RequestSummary,
    "RequestAnswer": models.Request,
    "RowProblem": models.RowProblem,
    "UploadAccepted": models.Upload,
    "RequestCreated": models.Created,
    "HostImages": models.HostImages,
    "SampleRow": models.SampleRow,
    "ValidationAnswer": models.Validation,
    "ImageItem": models.Image,
    "FailureExample": models.FailureExample,
    "FailureItem": models.Failure,
    "Product": models.Product,
    "WebhookAttemptAnswer": models.WebhookAttempt,
    "WebhookDelivery": models.WebhookDelivery,
    "CallerAnswer": key_models.Caller,
    "KeyItem": key_models.Key,
    "KeyCreated": key_models.NewlyMadeKey,
}
SENT: dict[str, type[BaseModel]] = {
    "UploadForm": bodies.UploadOptions,
    "ValidationForm": bodies.TableOptions,
    "RequestPatch": bodies.Patch,
    "NewRequest": bodies.NewRequest,
    "NewSource": bodies.Source,
    "SourceColumns": bodies.Columns,
    "S3Source": bodies.S3Object,
    "RetryOfSource": bodies.RetryOf,
    "Output": bodies.Output,
    "Webhook": bodies.Webhook,
    "SecretRef": bodies.SecretKey,
    "ReuseFrom": bodies.Reuse,
    "NewKey": bodies.NewKey,
}
#: Fields of a form that are no option: the file itself, and the older name of webhookUrl.
NO_OPTION = {"file", "webhook_url"}


def kinds(schema: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """Return the JSON types of a property, those behind references included."""
    if "$ref" in schema:
        return kinds(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in kinds(one, definitions)}
    if "items" in schema:
        return {f"array of {kind}" for kind in kinds(schema["items"], definitions)}
    return {schema["type"]}


def properties(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, set[str]]:
    return {name: kinds(one, definitions) for name, one in schema["properties"].items()}


def of_model(model: type[BaseModel]) -> dict[str, set[str]]:
    schema = model.model_json_schema(by_alias=True)
    return properties(schema, schema.get("$defs", {}))


@pytest.mark.parametrize("name", READ)
def test_what_is_read_has_the_fields_and_types_of_the_gateway(name: str) -> None:
    assert of_model(READ[name]) == properties(SCHEMAS[name], SCHEMAS)


@pytest.mark.parametrize("name", READ)
def test_what_the_gateway_may_leave_out_may_be_missing(name: str) -> None:
    model = READ[name]
    required = {f.alias for f in model.model_fields.values() if f.is_required()}
    assert required <= set(SCHEMAS[name].get("required", []))


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_has_the_fields_and_types_of_the_gateway(name: str) -> None:
    taken = properties(SCHEMAS[name], SCHEMAS)
    sent = of_model(SENT[name])
    assert set(sent) == set(taken) - NO_OPTION
    for field, types in sent.items():
        assert types - {"null"} == taken[field] - {"null"}, field


def test_states_are_those_of_the_gateway() -> None:
    assert [one.value for one in models.RequestStatus] == SCHEMAS["RequestStatus"]["enum"]


@pytest.mark.parametrize("name", ["Format", "Profile", "Metadata", "RetryOnly", "DeletionPolicy"])
def test_choices_are_those_of_the_gateway(name: str) -> None:
    assert list(getattr(bodies, name).__args__) == SCHEMAS[name]["enum"]


def test_download_formats_are_those_of_the_gateway() -> None:
    from imagebatch.calls import DownloadFormat

    assert list(DownloadFormat.__args__) == SCHEMAS["ReportFormat"]["enum"]


def test_the_command_has_an_option_for_each_field_of_an_upload() -> None:
    import inspect

    def command(*, options: bodies.UploadOptions) -> None:
        pass

    made = options_of(bodies.UploadOptions, "options")(command)
    flags = {
        one.annotation.__metadata__[0].default
        for one in inspect.signature(made).parameters.values()
    }
    assert flags == {flag(name) for name in bodies.UploadOptions.model_fields}
    assert "--max-failed-percent" in flags
