"""What the runner's ConfigMap of a namespace says to the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings, CeilingsJson

from .s3_secret import DEFAULT, S3Secret

_CEILINGS: Final[TypeAdapter[Ceilings]] = TypeAdapter(CeilingsJson)

#: Anybody with `edit` in the namespace may write it, and deep nesting would exhaust the stack.
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """The Secret of a namespace's key pair, ``None`` if its pods need none, and the ceilings of the
    namespace's owner. ``problem`` says why these cannot be read; they then limit nothing."""

    secret: S3Secret | None = DEFAULT
    ceilings: Ceilings = NO_CEILINGS
    problem: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> RunnerConfig:
        """Return what the data of the ConfigMap says."""
        secret = S3Secret.named_by(data)
        text = data.get(names.NAMESPACE_CEILINGS)
        if not text:
            return cls(secret)
        if len(text) > _LONGEST:
            problem = f"{names.NAMESPACE_CEILINGS}: longer than {_LONGEST} characters"
            return cls(secret, problem=problem)
        try:
            return cls(secret, _CEILINGS.validate_python(text))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in (names.NAMESPACE_CEILINGS, *first["loc"]))
            return cls(secret, problem=f"{where}: {first['msg']}")
