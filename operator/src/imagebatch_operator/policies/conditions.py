"""Conditions as ``metav1.Condition`` has them: the transition time moves with the status alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.status import Condition, ConditionStatus

_MESSAGE_LIMIT = 1024


class Conditions:
    """The conditions of one batch while a pass works on them."""

    def __init__(self, before: Iterable[Condition], generation: int, now: datetime) -> None:
        self._by_type = {condition.type: condition for condition in before}
        self._generation = generation
        self._now = now

    def set(
        self, type_: ConditionType, status: bool | None, reason: Reason, message: str = ""
    ) -> None:
        """``None`` stands for Unknown."""
        word = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE}.get(
            status,  # type: ignore[arg-type] # None is the default's case
            ConditionStatus.UNKNOWN,
        )
        old = self._by_type.get(type_)
        since = old.last_transition_time if old and old.status == word else self._now
        if len(message) > _MESSAGE_LIMIT:
            message = message[: _MESSAGE_LIMIT - 1] + "…"
        self._by_type[type_] = Condition(
            type=type_,
            status=word,
            reason=reason,
            message=message,
            observed_generation=self._generation,
            last_transition_time=since,
        )

    def list(self) -> list[Condition]:
        """In the order of :class:`ConditionType`; those of a newer operator come last."""
        order = {str(type_): place for place, type_ in enumerate(ConditionType)}
        return sorted(
            self._by_type.values(), key=lambda condition: order.get(condition.type, len(order))
        )
