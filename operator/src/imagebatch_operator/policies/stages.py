"""The stage a batch is in, as the policies return it: which one, what is known, and what follows.

A policy returns a stage, or ``None`` when its stage is not the batch's. Nothing is written here:
:mod:`.status` makes phase and conditions of a stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagebatch_core.job import Step
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.status import WebhookStatus

from .actions import Action
from .facts import Facts
from .observed import Refusal


@dataclass(frozen=True, slots=True)
class Note:
    """What the condition Reconciling says instead of the stage's own sentence.

    ``stalled``: and Stalled with it, because nothing gets further until somebody acts.
    """

    reason: Reason
    message: str
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """What follows from a stage.

    ``look_again`` is the number of seconds after which time alone may change the stage. While it
    ``pauses``, the time does not count towards the deadline.
    """

    actions: tuple[Action, ...] = ()
    note: Note | None = None
    look_again: float | None = None
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Not accepted yet: waits until what is missing is there."""

    facts: Facts
    refusal: Refusal
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Suspended:
    """Held by its owner."""

    facts: Facts
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Planning:
    """A pod checks and splits the CSV."""

    step: ClassVar = Step.PLAN
    facts: Facts
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Compressing:
    """The pods of a shard Job compress."""

    facts: Facts
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Collecting:
    """A pod writes the report."""

    step: ClassVar = Step.COLLECT
    facts: Facts
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Ended:
    """The batch ends in this pass; ``refusal`` when that is because it is not accepted."""

    facts: Facts
    phase: Phase
    reason: Reason
    message: str
    refusal: Refusal | None = None
    next: Next = Next(look_again=0.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outbox after an attempt or a change of receiver, and what the condition says.

    ``delivered`` is ``None`` and ``outbox`` too where no webhook is asked for any more.
    """

    outbox: WebhookStatus | None
    delivered: bool | None
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Over:
    """The batch ended in an earlier pass: what its status says stays."""

    delivery: Delivery | None = None
    next: Next = Next()


Unfinished = Refused | Suspended | Planning | Compressing | Collecting
Stage = Unfinished | Ended | Over
