"""The responses of a decoder, as its parent reads them.

A hostile image may have taken over the decoder. So a response is checked like any other foreign
bytes: its hash becomes part of a key in the store, and its size is how much the parent reads.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imagebatch_core.formats import Kind
from imagebatch_core.results import LONGEST_MESSAGE, ErrorCode

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Response(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Done(_Response):
    """An image was compressed: ``size`` bytes lie in the output file, unless it was ``kept``."""

    kind: Kind
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    kept: bool
    size: Annotated[int, Field(ge=0)]
    sha256: _Sha256
    source_sha256: _Sha256


class Stripped(_Response):
    """The metadata of an image was removed: ``size`` bytes lie in the output file, unless it had
    none.
    """

    kept: bool
    size: Annotated[int, Field(ge=0)]


class Refused(_Response):
    """An image could not be compressed."""

    error: ErrorCode
    message: Annotated[str, Field(max_length=LONGEST_MESSAGE)]


_RESPONSE: Final[TypeAdapter[Done | Stripped | Refused]] = TypeAdapter(Done | Stripped | Refused)


class Malformed(Exception):
    """A response line that a decoder in its normal state never writes."""


def parse(line: bytes) -> Done | Stripped | Refused:
    """Parse one line of a decoder.

    Raises:
        Malformed: it is no response.
    """
    try:
        return _RESPONSE.validate_json(line)
    except ValidationError as error:
        raise Malformed(line[:80]) from error
