"""Callers, their credentials, and the actions that routes require rights for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

from imagebatch_core import names
from imagebatch_gateway.backends.reviews import Person, Right

from .api_key import ApiKey


class CallerKind(StrEnum):
    """How a caller is known."""

    ANONYMOUS = "anonymous"
    USER = "user"
    KEY = "key"


class Action(Enum):
    """The action of a route, which determines the right it requires.

    The value is a verb on ``imagebatches``, if there is one for the action.
    """

    #: Anybody may call the route.
    OPEN = ""
    #: Sign in or out. Credentials of the request are ignored.
    SESSION = "session"
    #: Read who the caller is. Credentials are checked, but no right is required.
    IDENTIFY = "identify"
    LIST = "list"
    GET = "get"
    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"
    #: Manage API keys.
    KEYS = "keys"
    #: Read the output image whose key is in the path.
    FILE = "file"

    @property
    def writes(self) -> bool:
        """Whether a key needs the scope ``write`` for it."""
        return self in (Action.CREATE, Action.PATCH, Action.DELETE)

    def right(self, namespace: str) -> Right:
        """Return the right in the cluster that the action needs."""
        if self is Action.KEYS:
            return Right("update", "", "secrets", namespace)
        verb = Action.GET.value if self is Action.FILE else self.value
        return Right(verb, names.GROUP, names.PLURAL, namespace)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request: at most one of ``token``, ``key`` and ``person`` is set.

    ``ambient`` credentials are sent by a browser itself, even if a page of another site causes the
    request.
    """

    token: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    person: Person | None = None
    ambient: bool = False
    session: bool = False

    @property
    def given(self) -> bool:
        return self.token is not None or self.key is not None or self.person is not None


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: a user, an API key, or an anonymous one where that is allowed.

    ``namespace`` is the namespace of the request. ``token`` is the token with which the gateway
    writes for the caller; with ``None`` it writes with its own rights.
    """

    kind: CallerKind
    namespace: str
    person: Person | None = None
    key: ApiKey | None = None
    token: str | None = field(default=None, repr=False)

    def in_namespace(self, namespace: str) -> Caller:
        """Return the same caller for a request in another namespace."""
        return replace(self, namespace=namespace)

    @property
    def name(self) -> str | None:
        """The name to show: of the user, or ``key:`` and the name of the API key."""
        if self.key is not None:
            return f"key:{self.key.name}"
        return self.person.name if self.person else None

    @property
    def id(self) -> str:
        """A text that identifies the caller; empty for an anonymous one."""
        if self.key is not None:
            return f"key:{self.key.id}"
        return f"user:{self.person.name}" if self.person else ""
