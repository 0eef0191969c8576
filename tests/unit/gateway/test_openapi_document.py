"""The committed OpenAPI document: valid, and complete for every operation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

ROOT: Final = Path(__file__).parents[3]
DOCUMENT: Final[dict[str, Any]] = json.loads((ROOT / "docs/reference/openapi.json").read_text())
OPERATIONS: Final = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
#: The kubelet calls them, without credentials and by any name: nothing refuses these calls.
PROBES: Final = {"GET /healthz", "GET /readyz"}
#: They begin and end a session.
SIGN_IN: Final = {"POST /api/session", "DELETE /api/session"}
#: Media types without a text that could be an example.
BINARY: Final = ("image/", "application/zip")
PROBLEM: Final = "application/problem+json"


@pytest.fixture(params=OPERATIONS, ids=str)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def operation(name: str) -> dict[str, Any]:
    return OPERATIONS[name]


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what the body is of (``request`` or a status), its media type and its description."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for code, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield code, media_type, content


def examples(content: dict[str, Any]) -> list[Any]:
    several = [one["value"] for one in content.get("examples", {}).values()]
    return [content["example"], *several] if "example" in content else several


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_the_document_says_where_it_is_served_by_whom_and_what_its_tags_mean() -> None:
    assert DOCUMENT["servers"][0]["url"] == "/"
    assert DOCUMENT["info"]["contact"]
    assert DOCUMENT["info"]["description"]
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_no_schema_and_no_link_is_left_over() -> None:
    text = json.dumps(DOCUMENT)
    for kind in ("schemas", "links"):
        for name in DOCUMENT["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


def test_an_operation_is_described_and_has_one_known_tag(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    (tag,) = operation["tags"]
    assert tag in {known["name"] for known in DOCUMENT["tags"]}


def test_an_operation_says_how_its_caller_signs_in(name: str, operation: dict[str, Any]) -> None:
    wanted = None if name in PROBES | SIGN_IN else [{"bearer": []}, {"session": []}]
    assert operation.get("security") == wanted


def test_each_parameter_is_described(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description"), parameter["name"]


def test_an_operation_documents_a_2xx_4xx_and_5xx(name: str, operation: dict[str, Any]) -> None:
    classes = {code[0] for code in operation["responses"]}
    assert classes >= ({"2", "5"} if name in PROBES else {"2", "4", "5"})
    assert "default" not in operation["responses"]
    if "request_id" in name or "{key" in name:
        assert "404" in operation["responses"]


def test_a_part_is_of_the_media_types_of_the_whole(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "206" in responses:
        assert responses["206"]["content"].keys() == responses["200"]["content"].keys()


def test_refusals_are_problem_details(operation: dict[str, Any]) -> None:
    for code, response in operation["responses"].items():
        if code[0] in "45":
            assert set(response["content"]) == {PROBLEM}, code


def test_each_body_has_an_example(operation: dict[str, Any]) -> None:
    for where, media_type, content in contents(operation):
        if not media_type.startswith(BINARY):
            assert examples(content), (where, media_type)


def test_examples_are_what_the_schema_says(operation: dict[str, Any]) -> None:
    for where, media_type, content in contents(operation):
        # The schema's references begin at the root of the document.
        schema = {**content.get("schema", {}), "components": DOCUMENT["components"]}
        checked = Draft202012Validator(schema)
        for example in examples(content):
            faults = [fault.message for fault in checked.iter_errors(example)]
            assert not faults, (where, media_type)


def test_a_response_says_its_headers(name: str, operation: dict[str, Any]) -> None:
    counted = "429" in operation["responses"]
    for code, response in operation["responses"].items():
        headers = response["headers"]
        assert all(header["description"] for header in headers.values())
        wanted = {"X-Request-Id"}
        if counted and (name in SIGN_IN or code not in ("401", "403")):
            wanted |= {"RateLimit", "RateLimit-Policy"}
        wanted |= {"429": {"Retry-After"}, "503": {"Retry-After"}}.get(code, set())
        wanted |= {"401": {"WWW-Authenticate"}, "416": {"Content-Range"}}.get(code, set())
        wanted |= {"206": {"Content-Range"}, "304": {"ETag"}}.get(code, set())
        assert wanted <= headers.keys(), (name, code)


def test_what_makes_a_request_links_to_every_call_of_that_request() -> None:
    following = {
        operation["operationId"]
        for name, operation in OPERATIONS.items()
        if [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]
        == ["request_id"]
        and not operation["operationId"].endswith("OlderName")
    }
    for name in ("POST /api/upload", "POST /upload", "POST /api/requests"):
        assert set(OPERATIONS[name]["responses"]["200"]["links"]) == following
    assert {"getStatus", "download", "retryRequest", "deleteRequest"} <= following


def test_the_table_of_calls_in_the_guide_has_every_operation_and_no_other() -> None:
    guide = (ROOT / "docs/api.md").read_text()
    table = guide.partition("\n## Calls\n")[2].partition("\n## ")[0]
    told, methods = set(), []
    for row in table.splitlines():
        if not row.startswith("| `"):
            continue
        for code in re.findall(r"`([^`]+)`", "|".join(row.split("|")[:3])):
            method, _, path = code.partition(" ")
            methods.append(method)
            if path:
                told |= {f"{one} {path}" for one in methods}
                methods.clear()
    names = {"{requestId}": "{request_id}", "{id}": "{key_id}"}
    for name, own in names.items():
        told = {call.replace(name, own) for call in told}

    assert told == OPERATIONS.keys()
