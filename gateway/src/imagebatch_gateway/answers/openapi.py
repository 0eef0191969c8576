"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from .documented import refusals
from .examples import EVENT_STREAM, EXAMPLES, REQUEST_ID
from .models import ProblemAnswer
from .problems import internal
from .response_headers import always_sent

TAGS: Final = {
    "requests": "Make requests, follow, change and download them",
    "results": "Products and images of a request, page by page",
    "access": "Who the caller is, sessions and API keys",
    "files": "Output images",
    "health": "For the kubelet",
}
_CONTACT: Final = {"name": "The administrator of this gateway"}
_SERVERS: Final = [{"url": "/", "description": "The gateway that serves this document"}]
#: End of the operationId of a call under its older name.
OLDER: Final = "OlderName"
_FILE_TYPES: Final = "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application; it is made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            contact=_CONTACT,
            routes=app.routes,
            servers=_SERVERS,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        )
        _describe_problems(document)
        for operation in operations(document):
            _complete(operation)
        _link(document)
        _drop_unused_schemas(document)
        app.openapi_schema = document
    return app.openapi_schema


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _describe_problems(document: dict[str, Any]) -> None:
    """Replace FastAPI's own validation errors by problem details."""
    schemas = document["components"]["schemas"]
    _, definitions = models_json_schema(
        [(ProblemAnswer, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions["$defs"])
    for operation in operations(document):
        default = operation["responses"].get("422", {}).get("content", {})
        if "HTTPValidationError" in str(default.get("application/json", "")):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _drop_unused_schemas(document: dict[str, Any]) -> None:
    """Remove schemas that nothing refers to, such as that of a dictionary's keys."""
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in [name for name in schemas if f'"#/components/schemas/{name}"' not in text]:
        del schemas[name]


def _complete(operation: dict[str, Any]) -> None:
    """Add what every operation has: examples, the headers of responses, and status 500."""
    responses = operation["responses"]
    fault = {str(code): text for code, text in refusals(internal()).items()}
    operation["responses"] = responses = dict(sorted((fault | responses).items()))
    if "206" in responses:
        responses["206"]["content"] = deepcopy(responses["200"]["content"])
    for code, response in responses.items():
        # A call is counted once its caller is admitted.
        refused = code in ("401", "403") and "security" in operation
        known = always_sent(code, is_counted="429" in responses and not refused)
        response["headers"] = known | response.get("headers", {})
        for media_type, content in response.get("content", {}).items():
            _add_example(media_type, content)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        _add_example(media_type, content)
        if media_type == "multipart/form-data":
            content["encoding"] = {"file": {"contentType": _FILE_TYPES}}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "request_id":
            parameter["description"] = (
                "The requestId: the UUID of an upload, or the name of an ImageBatch."
            )
            parameter["example"] = REQUEST_ID


def _add_example(media_type: str, content: dict[str, Any]) -> None:
    """Add the example of the schema's name. It is added here, as FastAPI drops nulls."""
    if media_type == "text/event-stream":
        # FastAPI writes itemSchema, which OpenAPI 3.1 does not know.
        content.pop("itemSchema", None)
        content.update(schema={"type": "string"}, example=EVENT_STREAM)
    known = {"example", "examples"} & content.keys()
    example = EXAMPLES.get(_schema_name(content))
    if example is not None and not known:
        content["example"] = example


def _schema_name(content: dict[str, Any]) -> str:
    schema = content.get("schema", {})
    # An optional body is one of its schema and null.
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            return str(one["$ref"]).rpartition("/")[2]
    return ""


def _link(document: dict[str, Any]) -> None:
    """Link each call that makes a request to the calls that take its requestId.

    A link says that a value of a response is a parameter of another call.
    """
    links, following = {}, {}
    for operation in operations(document):
        name = operation["operationId"]
        parameters = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
        if parameters == ["request_id"] and not name.endswith(OLDER):
            following[name] = _reference(name)
            links[name] = _link_to(name, "request_id", "requestId")
    links["deleteKey"] = _link_to("deleteKey", "key_id", "id")
    document["components"]["links"] = links
    for operation in operations(document):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                if _schema_name(content) in ("UploadAccepted", "RequestCreated"):
                    response["links"] = following
                elif _schema_name(content) == "KeyCreated":
                    response["links"] = {"deleteKey": _reference("deleteKey")}


def _link_to(operation: str, parameter: str, field: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "parameters": {parameter: f"$response.body#/{field}"},
    }


def _reference(link: str) -> dict[str, str]:
    return {"$ref": f"#/components/links/{link}"}
