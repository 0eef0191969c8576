"""A caller, and what a route asks of one."""

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
    """What a route does, as far as its right goes; the value is a verb on ``imagebatches``."""

    #: Anybody may call the route.
    OPEN = ""
    #: Sign in or out: credentials that the request carries do not count.
    SESSION = "session"
    #: Ask who the caller is: credentials count, no right is asked for.
    IDENTIFY = "identify"
    LIST = "list"
    GET = "get"
    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"
    #: Manage API keys.
    KEYS = "keys"
    #: Read the output image whose key the path holds.
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
    """What a request says about its caller. At most one of ``token``, ``key`` and ``person`` is
    set. ``ambient``: a browser sends them on its own, also when a foreign page makes it call.
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
    """A caller that is known, or may be anonymous.

    ``namespace`` is the one that the request is about. ``token`` is what the gateway writes with,
    ``None`` for its own Role.
    """

    kind: CallerKind
    namespace: str
    person: Person | None = None
    key: ApiKey | None = None
    token: str | None = field(default=None, repr=False)

    def in_namespace(self, namespace: str) -> Caller:
        """Return the same caller with a request about another namespace."""
        return replace(self, namespace=namespace)

    @property
    def name(self) -> str | None:
        """The name for people: the user, or ``key:`` and the name of the API key."""
        if self.key is not None:
            return f"key:{self.key.name}"
        return self.person.name if self.person else None

    @property
    def id(self) -> str:
        """A text that tells callers apart; empty for those that are not known."""
        if self.key is not None:
            return f"key:{self.key.id}"
        return f"user:{self.person.name}" if self.person else ""
