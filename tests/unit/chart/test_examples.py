"""The examples are what the product accepts."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagebatch_core import names
from imagebatch_core.catalogue.rows import open_rows
from imagebatch_core.source_columns import table_choice
from imagebatch_core.spec import ImageBatchSpec

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MANIFESTS = sorted(EXAMPLES.glob("*.yaml"))


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _batches(path: Path) -> list[dict[str, Any]]:
    return [one for one in _documents(path) if one["kind"] == names.KIND]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_manifest_is_a_valid_batch_with_readable_rows(path: Path) -> None:
    documents = _documents(path)
    config_maps = [one for one in documents if one["kind"] == "ConfigMap"]
    for batch in _batches(path):
        texts = [text for one in config_maps for text in one["data"].values()]
        assert batch["apiVersion"] == names.API_VERSION
        spec = ImageBatchSpec.model_validate(batch["spec"])
        if spec.source.inline is not None:
            texts.append(spec.source.inline)
        if spec.source.config_map is not None:
            assert [one["metadata"]["name"] for one in config_maps] == [spec.source.config_map.name]
        choice = table_choice(spec.source.columns, spec.source.base_url)
        for text in texts:
            rows = list(open_rows(io.BytesIO(text.encode()), chosen=choice))
            assert rows
            assert all(row.urls and not row.problems for row in rows)


def test_the_examples_are_numbered_and_listed() -> None:
    assert [int(path.name[:2]) for path in MANIFESTS] == list(range(1, len(MANIFESTS) + 1))
    listed = re.findall(r"\| \[([^]]+)\]", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in MANIFESTS]


def test_every_verb_has_an_example() -> None:
    batches = [one for path in MANIFESTS for one in _batches(path)]
    asked = {field for one in batches for field in (*one["spec"], *one["spec"]["source"])}
    assert asked >= {
        "inline", "configMap", "s3", "columns", "webhook", "suspendAfter", "suspend", "retryOf",
        "activeDeadlineSeconds", "reuseFrom", "priority", "deletionPolicy", "dryRun",
        "ttlSecondsAfterFinished",
    }  # fmt: skip
    assert any(names.LABEL_KUEUE_QUEUE in one["metadata"].get("labels", {}) for one in batches)
    texts = "".join(path.read_text(encoding="utf-8") for path in MANIFESTS)
    for verb in ('{"cancel":true}', '{"suspendAfter":null}', "kubectl delete", "replay-webhook"):
        assert verb in texts


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_no_example_names_what_exists_only_in_the_demo(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    hosts = set(re.findall(r"https?://([^/\s\"',]+)", text))
    assert hosts <= {"images.example.com", "hooks.example.com"}
    for name in ("samplehost", "-n imagebatch", "namespace: imagebatch", "localhost"):
        assert name not in text
