"""The fields of an ImageBatch's spec, and the tests that are marked with them.

``@pytest.mark.field("spec.output.quality")`` says that a test fails if the field has no effect.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagebatch_core.crd import custom_resource_definition
from stack.places import ROOT


def spec_schema() -> dict[str, Any]:
    """Return the schema of ``spec`` in the CRD."""
    [version] = custom_resource_definition()["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def leaves(schema: dict[str, Any] | None = None, path: str = "spec") -> Iterator[str]:
    """Yield the paths of all fields that have no fields below them, such as
    ``spec.runner.tolerations[].key``."""
    node = spec_schema() if schema is None else schema
    if "properties" in node.get("items", {}):
        yield from leaves(node["items"], f"{path}[]")
    elif "properties" in node:
        for name, child in node["properties"].items():
            yield from leaves(child, f"{path}.{name}")
    else:
        yield path


def marked_tests(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Return the marked tests by field, as ``tests/unit/test_x.py::test_y``.

    Nothing is imported, so tests of all tiers are found.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text()
        if "mark.field(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                test = f"{path.relative_to(folder.parent)}::{node.name}"
                for field in _fields_of(node):
                    found.setdefault(field, []).append(test)
    return found


def _fields_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if (
            not isinstance(decorator, ast.Call)
            or ast.unparse(decorator.func) != "pytest.mark.field"
        ):
            continue
        assert function.name.startswith("test_"), f"{function.name} is no test"
        for argument in decorator.args:
            yield ast.literal_eval(argument)
