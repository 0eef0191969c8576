"""Error responses about the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .problems import Problem


def sign_in(why: str | None) -> Problem:
    """Return the problem of a request without valid credentials; ``why`` says why they are
    refused."""
    detail = (
        "Send a bearer token of the cluster or an API key of this gateway: "
        "Authorization: Bearer <token>."
    )
    return Problem(
        401,
        "credentials-refused" if why else "credentials-missing",
        "Sign in",
        f"{why[:1].upper()}{why[1:]}. {detail}" if why else detail,
        headers={"WWW-Authenticate": 'Bearer realm="imagebatch"'},
    )


def not_allowed(name: str | None, right: str) -> Problem:
    """Return the problem of a caller without a right; ``right`` is the text after "may not"."""
    who = name or "Nobody who is not signed in"
    return Problem(403, "not-allowed", "You may not do this", f"{who} may not {right}.")


def namespace_not_served(namespace: str) -> Problem:
    """Return the problem of a namespace that the gateway does not serve."""
    detail = (
        f"This gateway does not serve the namespace {namespace!r}; its administrator lists those "
        "that it does in gateway.namespaces of the chart."
    )
    return Problem(403, "namespace-not-served", "Not a namespace of this gateway", detail)


def foreign_page() -> Problem:
    """Return the problem of a write that a page of another site may have caused."""
    detail = (
        "A browser sent this request for a page of another site. A program that is meant to call "
        "sends an Authorization header."
    )
    return Problem(403, "foreign-page", "Refused for another site", detail)


def no_such_key() -> Problem:
    """Return the problem of an unknown API key."""
    return Problem(404, "no-key", "No such API key", message="API key not found")


def credential_too_long() -> Problem:
    """Return the problem of a token that does not fit into a cookie."""
    detail = "The token is too long for a session. Sign in with an API key or a shorter token."
    return Problem(422, "credential-too-long", "The token is too long", detail)


def nothing_to_sign_in_with() -> Problem:
    """Return the problem of a sign-in with a text that is not a credential of this gateway."""
    detail = (
        "This is not a credential that the gateway takes: send an API key or, with auth.mode "
        "kubernetes, a bearer token of the cluster."
    )
    return Problem(401, "credentials-refused", "Sign in", detail)


def unknown_host(host: str) -> Problem:
    """Return the problem of a request whose Host is not a name of the gateway."""
    detail = (
        f"{host[:253]!r} is not a name of this gateway. Its administrator sets its public address "
        "as gateway.externalUrl of the chart, and further names as gateway.hosts."
    )
    return Problem(421, "unknown-host", "Not a name of this gateway", detail)


#: Retry-After in seconds of a refused event stream.
_STREAM_SECONDS: Final = 30


def too_many_streams(most: int) -> Problem:
    """Return the problem of a caller who has as many open event streams as one may have."""
    return Problem(
        429,
        "too-many-streams",
        "Too many event streams; close one, or ask for the status instead",
        f"One caller may have {most} open streams of events at a time.",
        retry_after=_STREAM_SECONDS,
    )


def no_room_for_stream() -> Problem:
    """Return the problem of an event stream while the gateway has no room for it."""
    return Problem(
        503,
        "no-room-for-stream",
        "Too many event streams now; ask for the status instead",
        "The gateway opens no further stream of events until some have ended.",
        retry_after=_STREAM_SECONDS,
    )


def too_many(policy: str, seconds: int, headers: Mapping[str, str]) -> Problem:
    """Return the problem of a used-up quota, which has room for this request in ``seconds``."""
    return Problem(
        429,
        "too-many",
        "Too many requests; try again later",
        f"Your quota of {policy} a minute is used up; ask again in {seconds} s.",
        retry_after=max(1, seconds),
        headers={**headers, "Connection": "close"},
    )
