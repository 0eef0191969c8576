"""The outbox of webhook events in the status."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from .model import Document

#: How many attempts to deliver a webhook the status lists, and the most characters of a message.
RECENT_ATTEMPTS: Final = 5


ATTEMPT_MESSAGE_LENGTH: Final = 200


#: What a webhook reports: :attr:`PLANNED` or the phase in which the batch ended.
WebhookEvent = Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z0-9]*$")]


PLANNED: Final = "Planned"


class WebhookAttempt(Document):
    """One attempt to deliver an event."""

    time: datetime = Field(description="Time at which the attempt ended.")
    code: int | None = Field(
        None, description="HTTP status of the response; not set if no response arrived."
    )
    message: str = Field(
        "",
        description="What happened, in a sentence.",
        json_schema_extra={"maxLength": ATTEMPT_MESSAGE_LENGTH},
    )


class WebhookStatus(Document):
    """The event to deliver, and its attempts. It is recorded before the first attempt: after a
    crash an attempt may be repeated, but the event is not lost.
    """

    event_id: str = Field(
        description="Id of the event, sent as the header webhook-id of every attempt."
    )
    event: WebhookEvent | None = Field(
        None, description="What happened: Planned, Completed, Failed or Cancelled."
    )
    time: datetime | None = Field(None, description="Time at which it happened.")
    attempts: int = Field(0, description="Number of delivery attempts so far.")
    next_attempt_time: datetime | None = Field(
        None, description="Time of the next delivery attempt."
    )
    last_attempt_time: datetime | None = Field(
        None, description="Time of the last delivery attempt."
    )
    last_code: int | None = Field(
        None, description="HTTP status of the last attempt; not set if no response arrived."
    )
    delivered_time: datetime | None = Field(
        None, description="Time at which the receiver accepted the event."
    )
    abandoned: bool = Field(
        False, description="Whether delivery was given up: no further attempt is made."
    )
    target: str | None = Field(
        None, description="SHA-256 of the spec.webhook that the last attempt used."
    )
    recent: Annotated[list[WebhookAttempt], Field(max_length=RECENT_ATTEMPTS)] = Field(
        default_factory=list, description="The last attempts, also those before a replay."
    )
    replay: str | None = Field(
        None,
        description="SHA-256 of the annotation imagebatch.dev/replay-webhook that was acted on.",
    )
