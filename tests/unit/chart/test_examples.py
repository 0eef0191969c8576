"""The examples are what the product accepts."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagebatch_core import names
from imagebatch_core.catalogue.rows import Row, open_rows
from imagebatch_core.source_columns import table_choice
from imagebatch_core.spec import ImageBatchSpec

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MANIFESTS = sorted(EXAMPLES.glob("*.yaml"))


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _render(*arguments: str) -> list[Row]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "render.py"), *arguments], check=True, capture_output=True
    )
    return list(open_rows(io.BytesIO(done.stdout)))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_manifest_is_a_valid_batch_with_readable_rows(path: Path) -> None:
    documents = _documents(path)
    (batch,) = (one for one in documents if one["kind"] == names.KIND)
    assert batch["apiVersion"] == names.API_VERSION
    spec = ImageBatchSpec.model_validate(batch["spec"])
    config_maps = [one for one in documents if one["kind"] == "ConfigMap"]
    texts = [text for one in config_maps for text in one["data"].values()]
    if spec.source.inline is not None:
        texts.append(spec.source.inline)
    if spec.source.config_map is not None:
        assert [one["metadata"]["name"] for one in config_maps] == [spec.source.config_map.name]
    for text in texts:
        choice = table_choice(spec.source.columns, spec.source.base_url)
        rows = list(open_rows(io.BytesIO(text.encode()), chosen=choice))
        assert rows
        assert all(row.urls and not row.problems for row in rows)


def test_every_kind_of_source_and_the_webhook_has_an_example() -> None:
    specs = [
        ImageBatchSpec.model_validate(one["spec"])
        for path in MANIFESTS
        for one in _documents(path)
        if one["kind"] == names.KIND
    ]
    assert any(spec.source.inline for spec in specs)
    assert any(spec.source.config_map for spec in specs)
    assert any(spec.source.s3 for spec in specs)
    assert any(spec.webhook for spec in specs)
    assert any(spec.suspend for spec in specs)


def test_the_sample_has_both_spellings_and_two_images_that_fail() -> None:
    rows = _render("--base-url", "http://127.0.0.1:9000/")
    assert [len(row.urls) for row in rows] == [1, 2, 2, 1, 2, 1, 2]
    assert [row.extra for row in rows][:2] == [("blue",), ("ginger",)]
    urls = [url for row in rows for url in row.urls]
    assert [url for url in urls if not url.startswith("http://127.0.0.1:9000/photos/")] == [
        "http://no-such-host.invalid/a.jpg",
        "http://127.0.0.1:9000/not-an-image.jpg",
    ]


def test_many_images_all_have_urls_of_their_own() -> None:
    rows = _render("--images", "1000", "--per-product", "7")
    urls = [url for row in rows for url in row.urls]
    assert len(urls) == len(set(urls)) == 1000
    assert len(rows) == 143
