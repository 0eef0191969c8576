"""Headers of responses in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": _text(
        "Names the request in the gateway's log; that of the caller, if it sent one"
    ),
    "RateLimit": _text(
        'What is left of each quota: `"reads";r=5999;t=1`, r calls (of bytes: bytes), full again '
        "in t seconds"
    ),
    "RateLimit-Policy": _text('The quotas: `"reads";q=6000;w=60`, q in w seconds'),
    "Retry-After": {
        "description": "Seconds after which the request is worth repeating",
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": _text("How to sign in: with a bearer token"),
    "Location": _text("URL of the new request's status"),
    "Idempotency-Replayed": _text(
        "`true` if the request exists since an earlier call with the same Idempotency-Key"
    ),
    "ETag": _text("Version of the content, for If-None-Match and If-Range"),
    "Cache-Control": _text("How long the response may be kept, and by whom"),
    "Accept-Ranges": _text("`bytes`: Range is understood"),
    "Content-Range": _text("Which bytes of how many; of a 416, only how many there are"),
    "Content-Disposition": _text("Name under which to save the file"),
    "Set-Cookie": _text("The session's cookie"),
}
#: Headers of the content of an object that the gateway sends, and of the news that it is current.
STORED: Final = ("ETag", "Cache-Control", "Accept-Ranges")


def sent_headers(*names: str) -> dict[str, dict[str, Any]]:
    """Return the headers of these names, for a response of a route."""
    return {"headers": {name: HEADERS[name] for name in names}}


#: Response of a call that makes a request.
NEW_REQUEST: Final = sent_headers("Location", "Idempotency-Replayed")


def always_sent(code: str, *, is_counted: bool) -> dict[str, dict[str, Any]]:
    """Return the headers that a response with this status has, whatever the route.

    ``is_counted`` says whether it is the response to a call that counts towards a quota.
    """
    names = ["X-Request-Id"]
    if is_counted:
        names += ["RateLimit", "RateLimit-Policy"]
    if code in ("429", "503"):
        names.append("Retry-After")
    if code == "401":
        names.append("WWW-Authenticate")
    if code in ("206", "416"):
        names.append("Content-Range")
    return {name: HEADERS[name] for name in names}
