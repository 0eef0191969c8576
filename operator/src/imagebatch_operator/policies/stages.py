"""The stages of a batch, as the policies return them.

A policy returns a stage, or ``None`` when it does not apply to the batch. :mod:`.status` turns the
stage into phase and conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagebatch_core.job import Step
from imagebatch_core.reasons import Phase, Reason
from imagebatch_core.webhook_status import WebhookStatus

from .actions import Action
from .facts import Facts
from .observed import Refusal


@dataclass(frozen=True, slots=True)
class Note:
    """Reason and message of the condition Reconciling, in place of the stage's own.

    With ``stalled`` the batch waits until somebody acts: Stalled is True with the same reason, and
    Reconciling is False.
    """

    reason: Reason
    message: str
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The actions of a stage, and the note for the condition Reconciling.

    ``look_again`` is the number of seconds after which time alone may change the stage. With
    ``pauses``, the time in this stage does not count towards the deadline.
    """

    actions: tuple[Action, ...] = ()
    note: Note | None = None
    look_again: float | None = None
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The batch is not accepted yet: it waits until the cause of the refusal is gone."""

    facts: Facts
    refusal: Refusal
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Suspended:
    """The batch is held by ``spec.suspend`` or, once it is planned, by ``spec.suspendAfter``."""

    facts: Facts
    reason: Reason
    message: str
    next: Next = Next()


@dataclass(frozen=True, slots=True)
class Queued:
    """The batch waits for its turn, because as many batches run as may."""

    facts: Facts
    position: int
    message: str
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
    """The batch ends in this pass; ``refusal`` is set if it ends because it is not accepted."""

    facts: Facts
    phase: Phase
    reason: Reason
    message: str
    refusal: Refusal | None = None
    next: Next = Next(look_again=0.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outbox after an attempt or a change of receiver, and the condition WebhookDelivered.

    ``outbox`` and ``delivered`` are ``None`` when the spec has no webhook any more.
    """

    outbox: WebhookStatus | None
    delivered: bool | None
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Over:
    """The batch ended in an earlier pass: its status stays, apart from the webhook's delivery."""

    delivery: Delivery | None = None
    next: Next = Next()


Unfinished = Refused | Suspended | Queued | Planning | Compressing | Collecting
Stage = Unfinished | Ended | Over
