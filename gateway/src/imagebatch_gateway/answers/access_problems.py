"""Refusals that are about the caller."""

from __future__ import annotations

from .problems import Problem


def sign_in(why: str | None) -> Problem:
    """The request has no valid credentials; ``why`` those that it has were refused."""
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
    """The caller is known and lacks a right; ``right`` as it follows "may not"."""
    who = name or "Nobody who is not signed in"
    return Problem(403, "not-allowed", "You may not do this", f"{who} may not {right}.")


def namespace_not_served(namespace: str) -> Problem:
    """The gateway does not serve the namespace that the request names."""
    detail = (
        f"This gateway does not serve the namespace {namespace!r}; its administrator lists those "
        "that it does in gateway.namespaces of the chart."
    )
    return Problem(403, "namespace-not-served", "Not a namespace of this gateway", detail)


def foreign_page() -> Problem:
    """A page of another site made the browser send this write."""
    detail = (
        "A browser sent this request for a page of another site. A program that is meant to call "
        "sends an Authorization header."
    )
    return Problem(403, "foreign-page", "Refused for another site", detail)


def no_such_key() -> Problem:
    """The namespace has no API key with this id."""
    return Problem(404, "no-key", "No such API key", message="API key not found")


def credential_too_long() -> Problem:
    """The token does not fit into a cookie."""
    detail = "The token is too long for a session. Sign in with an API key or a shorter token."
    return Problem(422, "credential-too-long", "The token is too long", detail)


def nothing_to_sign_in_with() -> Problem:
    """The text of a sign-in is not a credential of this gateway."""
    detail = (
        "This is not a credential that the gateway takes: send an API key or, with auth.mode "
        "kubernetes, a bearer token of the cluster."
    )
    return Problem(401, "credentials-refused", "Sign in", detail)


def unknown_host(host: str) -> Problem:
    """The request came under a name that is not one of the gateway's."""
    detail = (
        f"{host[:253]!r} is not a name of this gateway. Its administrator sets its public address "
        "as gateway.externalUrl of the chart, and further names as gateway.hosts."
    )
    return Problem(421, "unknown-host", "Not a name of this gateway", detail)
