"""Which codec made a batch's outputs, as recorded in ``plan.json``.

Outputs of another codec are not taken over: equal options would then not mean equal images. The
native library counts as well, for with it a JPEG comes out in other bytes.
"""

from __future__ import annotations

from typing import Final

from . import coefficients

#: Raise it with a change after which the same source and options give another picture or another
#: size worth having: encoders, their effort, scaling, colour. A new build of the same encoder that
#: moves a few bytes is no reason to compress ten million images anew.
REVISION: Final = 4


def codec_name(*, native: bool) -> str:
    return f"{REVISION}+native" if native else str(REVISION)


CODEC: Final = codec_name(native=coefficients.AVAILABLE)
