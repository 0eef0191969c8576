"""Which codec made a batch's outputs, as recorded in ``plan.json``.

Outputs of another codec are not taken over: equal options would then not mean equal images. The
optional parts count as well, for with them a plain JPEG comes out in other bytes.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from . import coefficients

#: Raise it with a change after which the same source and options give another picture or another
#: size worth having: encoders, their effort, scaling, colour. A new build of the same encoder that
#: moves a few bytes is no reason to compress ten million images anew.
REVISION: Final = 3


def codec_name(*, native: bool, simplejpeg: bool) -> str:
    """``3``, ``3+native``, …; simplejpeg is of use to the native part alone."""
    parts = [str(REVISION)]
    if native:
        parts.append("native")
        if simplejpeg:
            parts.append("simplejpeg")
    return "+".join(parts)


CODEC: Final = codec_name(
    native=coefficients.AVAILABLE, simplejpeg=find_spec("simplejpeg") is not None
)
