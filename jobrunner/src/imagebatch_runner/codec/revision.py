"""The revision of the codec, which ``plan.json`` records.

A batch does not reuse outputs of another revision: equal options would not mean equal images. The
native library is part of the revision, because it gives JPEGs other bytes.
"""

from __future__ import annotations

from typing import Final

from . import coefficients

#: Increase it with a change after which the same source and options give another picture, or a size
#: that differs enough to be worth compressing ten million images again: a change of an encoder, of
#: its effort, of scaling or of colours. Do not increase it for a new build of the same encoder that
#: changes a few bytes. ``tests/unit/runner/codec/test_revision.py`` fails if it is forgotten.
REVISION: Final = 4


def codec_name(*, native: bool) -> str:
    return f"{REVISION}+native" if native else str(REVISION)


CODEC: Final = codec_name(native=coefficients.AVAILABLE)
