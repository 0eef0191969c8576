"""The refusal of a file's columns names fields and options that exist."""

from __future__ import annotations

import io
import re

import pytest
from typer.main import get_command

from imagebatch_core.catalogue.rows import open_rows
from imagebatch_core.errors import InputRefused
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_gateway.uploads.table_fields import TableFields
from imagebatch_runner.cli import app


def test_the_advice_to_name_the_columns_names_what_there_is() -> None:
    with pytest.raises(InputRefused) as refused:
        open_rows(io.BytesIO(b"Nr,Titel\n1,Lampe\n"))
    advice = str(refused.value)
    [field] = re.findall(r"(\w+) of an upload", advice)
    assert field in {one.alias for one in TableFields.model_fields.values()}
    [option] = re.findall(r"(--[a-z-]+) of local", advice)
    local = get_command(app).commands["local"]  # type: ignore[attr-defined]
    assert option in {name for one in local.params for name in one.opts}
    [path] = re.findall(r"spec\.([\w.]+)", advice)
    schema = ImageBatchSpec.model_json_schema(by_alias=True)
    found = schema
    for name in path.split("."):
        found = found["properties"][name]
        found = found.get("anyOf", [found])[0]
        if "$ref" in found:
            found = schema["$defs"][found["$ref"].rpartition("/")[2]]
    assert found["type"] == "array"
