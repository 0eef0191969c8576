"""Set conditions as ``metav1.Condition`` says: the transition time changes with the status only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from imagebatch_core.condition import MESSAGE_LENGTH, Condition, ConditionStatus
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.shortened import shortened


class Conditions:
    """The conditions of one batch, which a pass changes before it writes the status."""

    def __init__(self, before: Iterable[Condition], generation: int, now: datetime) -> None:
        self._by_type = {condition.type: condition for condition in before}
        self._generation = generation
        self._now = now

    def set(
        self, type_: ConditionType, status: bool | None, reason: Reason | str, message: str = ""
    ) -> None:
        """Set a condition; a ``status`` of ``None`` stands for Unknown."""
        word = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE}.get(
            status,  # type: ignore[arg-type] # None is the default's case
            ConditionStatus.UNKNOWN,
        )
        old = self._by_type.get(type_)
        since = old.last_transition_time if old and old.status == word else self._now
        self._by_type[type_] = Condition(
            type=type_,
            status=word,
            reason=reason,
            message=shortened(message, MESSAGE_LENGTH),
            observed_generation=self._generation,
            last_transition_time=since,
        )

    def list(self) -> list[Condition]:
        """Return the conditions in the order of :class:`ConditionType`, unknown types last.

        Those of known types refer to the present generation, also where nothing changed:
        ``kubectl wait`` does not count a condition of an older one.
        """
        order = {str(type_): place for place, type_ in enumerate(ConditionType)}
        now = {"observed_generation": self._generation}
        known = [
            self._by_type[name].model_copy(update=now) for name in order if name in self._by_type
        ]
        return known + [one for name, one in self._by_type.items() if name not in order]
