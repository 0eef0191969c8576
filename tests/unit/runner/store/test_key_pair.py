"""A key pair of the object store that is missing, whole or in part, is said as such."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError

from imagebatch_core.errors import ConfigurationRefused, StorageRefused
from imagebatch_core.store import open_store
from imagebatch_runner.store.errors import passing

STORE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ],
)
@pytest.mark.parametrize("empty", [{}, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}])
def test_half_a_key_pair_is_refused_by_the_name_of_the_other_half(
    there: str, missing: str, empty: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        open_store("s3://bucket", STORE | empty | {there: "x"})
    assert str(refused.value).startswith(f"{missing} is not set")
    assert "s3.existingSecret or s3.credentials of the chart" in str(refused.value)


def test_without_a_key_pair_the_node_is_asked_and_its_refusal_names_the_secret() -> None:
    # As obstore 0.12 says it, cut.
    error = GenericError(
        "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 1ms - "
        "HTTP error: error sending request\n\nDebug source:\nGeneric {\n"
    )
    with pytest.raises(StorageRefused) as refused:
        passing(error, "shop/uid/probe", writing=True)
    text = str(refused.value)
    assert "no key pair" in text
    assert "s3.existingSecret or s3.credentials of the chart" in text
    assert "Debug source" not in text
