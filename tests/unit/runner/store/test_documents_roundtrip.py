"""The JSON documents of a batch come back as they were written, whatever people call things."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from imagebatch_core.indexes import ReportIndex
from imagebatch_core.job import RunnerMessage, Step, Totals
from imagebatch_core.owner import Owner
from imagebatch_core.spec import DeletionPolicy, Format, Metadata, Output, Profile
from imagebatch_runner.store.documents import Plan, Summary, to_json


def built(model: type[BaseModel], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[BaseModel]:
    """Not ``st.builds``, which fills in what the aliases seem to lack."""
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


COUNT = st.integers(min_value=0, max_value=10**12)
TEXT = st.text(max_size=40)
SHA = st.just("0f" * 32)
OUTPUTS = st.builds(
    Output,
    format=st.sampled_from(Format),
    quality=st.integers(1, 100),
    profile=st.sampled_from(Profile),
    max_width=st.none() | st.integers(1, 65535),
    max_height=st.none() | st.integers(1, 65535),
    metadata=st.sampled_from(Metadata),
)
PLANS = built(
    Plan,
    products=COUNT,
    images=COUNT,
    shards=COUNT,
    images_per_shard=COUNT,
    row_problems=COUNT,
    input_sha256=SHA,
    extra_columns=st.lists(TEXT, max_size=4).map(tuple),
    output=OUTPUTS,
)
SUMMARIES = built(
    Summary,
    products=COUNT,
    images=COUNT,
    shards=COUNT,
    row_problems=COUNT,
    input_sha256=SHA,
    totals=st.builds(Totals, succeeded=COUNT, kept=COUNT, reused=COUNT, failed=COUNT),
    report_key=TEXT,
    report_sha256=SHA,
    collected_at=st.datetimes(timezones=st.just(UTC)),
)
OWNERS = built(
    Owner, namespace=TEXT, name=TEXT, uid=TEXT, deletion_policy=st.sampled_from(DeletionPolicy)
)
INDEXES = built(
    ReportIndex,
    every=COUNT,
    rows=COUNT,
    images=COUNT,
    csv=st.lists(COUNT, max_size=4),
    jsonl=st.lists(COUNT, max_size=4),
)


@pytest.mark.parametrize("documents", [PLANS, SUMMARIES, OWNERS, INDEXES])
def test_every_document_comes_back(documents: st.SearchStrategy[BaseModel]) -> None:
    @given(documents)
    def comes_back(document: BaseModel) -> None:
        text = to_json(document)  # type: ignore[arg-type] # one of our models
        assert type(document).model_validate_json(text) == document

    comes_back()


MESSAGES = built(
    RunnerMessage, step=st.sampled_from(Step), images=COUNT, totals=st.builds(Totals, kept=COUNT)
)


@pytest.mark.parametrize("documents", [PLANS, SUMMARIES, OWNERS, INDEXES, MESSAGES])
def test_fields_that_a_newer_writer_added_are_ignored(
    documents: st.SearchStrategy[BaseModel],
) -> None:
    @given(documents)
    def is_read(document: BaseModel) -> None:
        newer = json.loads(document.model_dump_json(by_alias=True))
        newer["later"] = {"than": "this"}
        if newer.get("totals"):
            newer["totals"]["later"] = 1
        assert type(document).model_validate_json(json.dumps(newer)) == document

    is_read()
