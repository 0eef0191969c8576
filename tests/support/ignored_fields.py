"""A plugin of pytest: run the marked tests once for each of their fields, which is then ignored.

A field that is ignored has its default, or another value if it has none, for all code that reads
it in this process. ``IMAGEBATCH_IGNORED_FIELDS`` names a file; the plugin writes there, as JSON,
for each field its tests, and whether they failed without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.spec import ImageBatchSpec
from support.fieldwalk import spec_schema
from unit.operator.fakecluster import FakeCluster

#: By field and test, whether the test failed in any of its cases.
_failed: dict[tuple[str, str], bool] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = metafunc.definition.iter_markers("field")
    fields = [field for mark in marks for field in mark.args]
    if fields:
        metafunc.parametrize("ignored_field", fields, indirect=True)


@pytest.fixture(autouse=True)
def ignored_field(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ignore the field that the test is run for."""
    with pytest.MonkeyPatch.context() as patch:
        _ignore(request.param, patch)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    place = str(item.callspec.params["ignored_field"]), item.nodeid.partition("[")[0]
    _failed[place] = _failed.get(place, False) or report.failed
    return report


def pytest_sessionfinish() -> None:
    found: dict[str, dict[str, bool]] = {}
    for (field, test), failed in _failed.items():
        found.setdefault(field, {})[test] = failed
    Path(os.environ["IMAGEBATCH_IGNORED_FIELDS"]).write_text(json.dumps(found, indent=1))


def _ignore(field: str, patch: pytest.MonkeyPatch) -> None:
    steps = field.removeprefix("spec.").split(".")
    original = ImageBatchSpec.model_validate

    def validate(data: Mapping[str, Any], **options: Any) -> ImageBatchSpec:
        changed = deepcopy(dict(data))
        _remove(changed, spec_schema(), steps)
        return original(changed, **options)

    patch.setattr(ImageBatchSpec, "model_validate", validate)
    add = FakeCluster.add

    def store(self: FakeCluster, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if "/imagebatches/" in path:
            body = deepcopy(body)
            _remove(body["spec"], spec_schema(), steps)
        return add(self, path, body)

    patch.setattr(FakeCluster, "add", store)
    # Models that a test makes itself, and those of the runner with a field of that name.
    owner, name = _owner(ImageBatchSpec, steps)
    for model in (owner, RunnerJob, JobSource):
        if name in model.model_fields:
            _answer_default(model, name, patch)


def _remove(data: Any, schema: Mapping[str, Any], steps: list[str]) -> None:
    """Remove a field from the JSON of a spec; a required one gets another value."""
    name, *rest = steps
    key = name.removesuffix("[]")
    if not isinstance(data, dict) or key not in data:
        return
    child = schema["properties"][key]
    if not rest:
        if key in schema.get("required", ()):
            data[key] = _other(child)
        else:
            del data[key]
    elif name.endswith("[]"):
        for item in data[key]:
            _remove(item, child["items"], rest)
    else:
        _remove(data[key], child, rest)


def _other(schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "array":
        return ["ignored"]
    return "https://ignored.invalid/" if "https" in schema.get("pattern", "") else "ignored"


def _owner(model: type[BaseModel], steps: list[str]) -> tuple[type[BaseModel], str]:
    """Return the model of the last of ``steps``, and the field's name in Python."""
    name, *rest = steps
    by_alias = {field.alias: (python, field) for python, field in model.model_fields.items()}
    python, field = by_alias[name.removesuffix("[]")]
    return _owner(_model_of(field), rest) if rest else (model, python)


def _model_of(field: FieldInfo) -> type[BaseModel]:
    found = [field.annotation]
    for kind in found:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        found += get_args(kind)
    raise TypeError(f"no model in {field}")


def _answer_default(model: type[BaseModel], name: str, patch: pytest.MonkeyPatch) -> None:
    field = model.model_fields[name]
    value = "ignored" if field.is_required() else field.get_default(call_default_factory=True)

    def read(self: object, attribute: str) -> Any:
        return value if attribute == name else object.__getattribute__(self, attribute)

    def dump(self: BaseModel, **options: Any) -> dict[str, Any]:
        dumped = BaseModel.model_dump(self, **options)
        return {key: value if key in (name, field.alias) else old for key, old in dumped.items()}

    patch.setattr(model, "__getattribute__", read, raising=False)
    patch.setattr(model, "model_dump", dump)
