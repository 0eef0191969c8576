"""Responses about the webhook of a request."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from imagebatch_core.model import Model


class WebhookAnswer(Model):
    """State of the webhook's delivery. The receiver's URL is left out."""

    event_id: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_code: int | None = Field(
        None, description="HTTP status of the last delivery attempt; null if no response arrived."
    )
    delivered_at: datetime | None = None
    abandoned: bool = False


class WebhookAttemptAnswer(Model):
    """One attempt to deliver an event."""

    attempted_at: datetime
    code: int | None = Field(description="HTTP status of the response; null if none arrived.")
    message: str = Field(description="What happened, in a sentence.")


class WebhookDelivery(Model):
    """The delivery of a request's webhook."""

    url: str = Field(description="Address of the receiver, without password, query and fragment.")
    event_id: str | None = Field(
        None, description="Id of the event, sent as webhook-id; null before there is an event."
    )
    event: str | None = Field(None, description="Type of the event, such as imagebatch.completed.")
    attempt_count: int = Field(
        0, description="Number of attempts since the event arose or was replayed."
    )
    attempts: list[WebhookAttemptAnswer] = Field(
        default_factory=list, description="The last attempts, newest first, at most five."
    )
    next_attempt_at: datetime | None = Field(None, description="Time of the next attempt.")
    delivered_at: datetime | None = Field(
        None, description="Time at which the receiver accepted the event."
    )
    abandoned: bool = Field(False, description="Whether delivery was given up.")
