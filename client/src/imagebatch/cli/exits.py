"""Exit codes of the command, which scripts can branch on; docs/client.md lists them."""

from __future__ import annotations

from enum import IntEnum

from imagebatch.errors import (
    Conflict,
    GatewayFailed,
    GatewayUnreachable,
    ImageBatchError,
    NotAllowed,
    NotFound,
    NotReady,
    TransferBroken,
    UnexpectedResponse,
)
from imagebatch.models import Request, RequestStatus


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    SOME_IMAGES_FAILED = 1
    REFUSED = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    REQUEST_FAILED = 5
    NOT_YET = 6
    UNREACHABLE = 7
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Return what the code says, for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.DONE: "done; after waiting: completed, and no image failed",
    Exit.SOME_IMAGES_FAILED: "the request completed, and some of its images failed",
    Exit.REFUSED: "the input, an option or the call was refused; trying again does not help",
    Exit.NOT_ALLOWED: "not signed in, or no right to do this",
    Exit.NOT_FOUND: "no such request, or its results are no longer stored",
    Exit.REQUEST_FAILED: "the request failed or was cancelled",
    Exit.NOT_YET: "the time of --timeout is over, or the request has not ended yet",
    Exit.UNREACHABLE: "the gateway does not respond, cannot do it now, or a transfer broke off",
    Exit.INTERRUPTED: "interrupted with Ctrl-C; the request goes on",
}


def exit_of_error(error: ImageBatchError) -> Exit:
    """Return the exit code for an error of the client."""
    match error:
        case NotAllowed():
            return Exit.NOT_ALLOWED
        case NotFound():
            return Exit.NOT_FOUND
        case NotReady():
            return Exit.NOT_YET
        case Conflict():
            return Exit.REFUSED
        case GatewayFailed() | GatewayUnreachable() | UnexpectedResponse() | TransferBroken():
            return Exit.UNREACHABLE
    return Exit.REFUSED


def exit_of_request(request: Request) -> Exit:
    """Return the exit code for a request that was waited for."""
    if not request.status.ended:
        return Exit.NOT_YET
    if request.status is not RequestStatus.COMPLETED:
        return Exit.REQUEST_FAILED
    return Exit.SOME_IMAGES_FAILED if request.images.failed else Exit.DONE


def worst(exits: list[Exit]) -> Exit:
    """Return the code that a command ends with that did several things."""
    return max(exits, default=Exit.DONE)
