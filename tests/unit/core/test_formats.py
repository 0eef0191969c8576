"""The formats of images, wherever they are named."""

from __future__ import annotations

import re
from io import BytesIO

import pytest

from imagebatch_core.catalogue.rows import open_rows
from imagebatch_core.errors import InputRefused
from imagebatch_core.formats import Kind, unsupported_format
from support.pictures import encoded, photo


@pytest.mark.parametrize("kind", Kind)
def test_image_that_is_sent_as_a_csv_is_refused_as_an_image(kind: Kind) -> None:
    data = encoded(photo(size=(40, 30)), kind.name)
    with pytest.raises(InputRefused, match=re.escape(f"an image ({kind.name})")):
        next(open_rows(BytesIO(data)), None)


def test_image_of_an_unsupported_format_that_is_sent_as_a_csv_is_refused_as_an_image() -> None:
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    with pytest.raises(InputRefused, match=re.escape("an image (HEIC)")):
        next(open_rows(BytesIO(data)), None)


@pytest.mark.parametrize("kind", Kind)
def test_supported_format_is_not_among_the_unsupported_ones(kind: Kind) -> None:
    assert unsupported_format(encoded(photo(size=(40, 30)), kind.name)) is None
