"""Which codec made a batch's outputs, as recorded in ``plan.json``.

Outputs of another revision are not taken over: equal options would then not mean equal bytes.
"""

from __future__ import annotations

from typing import Final

#: Raise it with a change after which the same source and options give another picture or another
#: size worth having: encoders, their effort, scaling, colour. A new build of the same encoder that
#: moves a few bytes is no reason to compress ten million images anew.
CODEC_REVISION: Final = "1"
