"""Ask the API server who a caller is and what the caller may do.

Only errors of :mod:`.errors` leave this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from .acting import acting_as
from .api_errors import translated
from .errors import CredentialRefused

_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Person:
    """A user, as the API server identifies it."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource in a namespace. ``group`` is its API group, empty for the core group."""

    verb: str
    group: str
    resource: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} in the namespace {self.namespace!r}"


class Reviews(Protocol):
    """Reviews by the API server. All methods raise ClusterRefused and ClusterUnavailable."""

    async def person(self, token: str) -> Person:
        """Return the user of a bearer token. Raises CredentialRefused."""

    async def token_may(self, token: str, right: Right) -> bool:
        """Return whether the user of a bearer token has a right. Raises CredentialRefused."""

    async def person_may(self, person: Person, right: Right) -> bool:
        """Return whether a user has a right."""


class KubeReviews:
    """Reviews with the official Kubernetes client.

    ``own`` has the gateway's credentials. ``anonymous`` has none; each of its requests sends the
    token to be reviewed.
    """

    def __init__(self, own: client.ApiClient, anonymous: client.ApiClient) -> None:
        self._own = own
        self._anonymous = anonymous

    async def person(self, token: str) -> Person:
        api: Any = client.AuthenticationV1Api(acting_as(self._anonymous, token))
        body: Any = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "SelfSubjectReview",
        }
        async with translated(""):
            try:
                review = await api.create_self_subject_review(body, _request_timeout=_SECONDS)
            except ApiException as error:
                raise _refused(error) from error
        user = review.status.user_info
        # The API server assigns this user to a request without valid credentials.
        if user.username == "system:anonymous":
            raise CredentialRefused("the token is not valid")
        return Person(user.username, tuple(user.groups or ()))

    async def token_may(self, token: str, right: Right) -> bool:
        api: Any = client.AuthorizationV1Api(acting_as(self._anonymous, token))
        body = _review("SelfSubjectAccessReview", right, {})
        async with translated(""):
            try:
                found = await api.create_self_subject_access_review(body, _request_timeout=_SECONDS)
            except ApiException as error:
                raise _refused(error) from error
        return bool(found.status.allowed)

    async def person_may(self, person: Person, right: Right) -> bool:
        api: Any = client.AuthorizationV1Api(self._own)
        body = _review(
            "SubjectAccessReview", right, {"user": person.name, "groups": list(person.groups)}
        )
        async with translated(""):
            found = await api.create_subject_access_review(body, _request_timeout=_SECONDS)
        return bool(found.status.allowed)


def _review(kind: str, right: Right, subject: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "namespace": right.namespace,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": kind,
        "spec": {"resourceAttributes": attributes, **subject},
    }


def _refused(error: ApiException) -> Exception:
    """Return CredentialRefused for a 401, which is about the caller's token, else the error
    itself."""
    if error.status == 401:
        return CredentialRefused("the token is not valid, or no longer")
    return error
