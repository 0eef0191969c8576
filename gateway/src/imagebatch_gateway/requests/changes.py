"""Changes and deletes existing requests."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.model import Model
from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import ImageBatchSpec, SuspendAfter
from imagebatch_gateway.answers.problems import (
    has_ended,
    invalid_options,
    is_expired,
    limit_exceeded,
)
from imagebatch_gateway.backends.batches import Batches

from .expired import ExpiredBatch
from .history import History
from .lookup import Lookup


def _field(name: str) -> Any:
    return Field(None, description=ImageBatchSpec.model_fields[name].description)


class RequestPatch(Model):
    """A JSON merge patch. A field that is left out is not changed; null sets its default."""

    suspend: bool | None = _field("suspend")
    suspend_after: SuspendAfter | None = _field("suspend_after")
    cancel: bool | None = _field("cancel")
    parallelism: Annotated[int, Field(ge=1, le=1000)] | None = _field("parallelism")
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = _field("priority")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_as_problem(cls, sent: Any, validate: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return validate(sent)
        except ValidationError as error:
            known = [field.alias or name for name, field in cls.model_fields.items()]
            raise invalid_options(
                *(
                    (name, _advice(name, known) if one["type"] == "extra_forbidden" else one["msg"])
                    for one in error.errors()
                    for name in [str(one["loc"][-1]) if one["loc"] else "body"]
                )
            ) from error


def _advice(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"cannot be changed{hint}; what can: {', '.join(known)}"


class Changes:
    def __init__(
        self, lookup: Lookup, batches: Batches, history: History, ceilings: Ceilings = NO_CEILINGS
    ) -> None:
        self._ceilings = ceilings
        self._lookup = lookup
        self._batches = batches
        self._history = history

    async def apply(self, request_id: str, patch: RequestPatch) -> ImageBatch:
        """Apply a patch to a request and return the changed batch.

        Raises:
            Problem: 409, the request has ended; 422, more is asked for than the release allows.
            GatewayError: there is no such request, or the API server refuses or does not respond.
        """
        batch = await self._lookup.batch(request_id)
        phase = batch.status.phase or Phase.PENDING
        if phase.finished:
            raise has_ended(phase.value.lower())
        spec = patch.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if not spec:
            return batch
        asked = patch.model_dump(include=patch.model_fields_set, exclude_none=True)
        over = self._ceilings.exceeded(batch.spec.model_copy(update=asked))
        refused = [(one.field, one.message) for one in over if one.field in spec]
        if refused:
            raise limit_exceeded(*refused)
        changed = await self._batches.patch(request_id, spec)
        self._history.put(changed)
        return changed

    async def delete(self, request_id: str) -> None:
        """Delete a request's batch.

        Raises:
            Problem: 409, the batch is gone already, and the history still knows the request.
            GatewayError: there is no such request, or the API server refuses or does not respond.
        """
        if isinstance(await self._lookup.batch(request_id), ExpiredBatch):
            raise is_expired()
        await self._batches.delete(request_id)
        self._history.remove(request_id)
