"""Decides whether a caller has the right that a request requires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.requests import HTTPConnection

from imagebatch_gateway.answers.access_problems import (
    foreign_page,
    namespace_not_served,
    not_allowed,
    nothing_to_sign_in_with,
    sign_in,
)
from imagebatch_gateway.answers.problems import no_such_file
from imagebatch_gateway.backends.errors import CredentialRefused
from imagebatch_gateway.backends.key_secret import KeySecret
from imagebatch_gateway.backends.reviews import Person, Reviews, Right
from imagebatch_gateway.settings import Settings

from .api_key import ApiKey, Scope
from .caller import Action, Caller, CallerKind, Credentials
from .credentials import CredentialReader
from .intake import Intake
from .keyring import Keyring
from .rates import Rates
from .reviewer import Reviewer
from .same_origin import from_foreign_page
from .sessions import Sessions
from .streams import EventStreams


class Gate:
    """Identifies callers and checks their rights.

    ``reviews`` and ``key_secret`` call the API server. ``clock`` returns monotonic seconds, ``now``
    the time of day.
    """

    def __init__(
        self,
        settings: Settings,
        reviews: Reviews,
        key_secret: KeySecret,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self.sessions = Sessions(settings, now)
        self._reader = CredentialReader(settings, self.sessions)
        self._reviewer = Reviewer(reviews, settings.auth_review_seconds, clock)
        self.rates = Rates(settings, clock)
        self.intake = Intake(settings)
        self.streams = EventStreams(settings)
        self.keyring = Keyring(key_secret, clock, now)
        self.namespaces = tuple(dict.fromkeys((settings.namespace, *settings.gateway_namespaces)))

    async def admit(
        self, request: HTTPConnection, method: str, action: Action, namespace: str | None
    ) -> Caller:
        """Check that the caller of a request has the right that ``action`` requires; return the
        caller.

        ``namespace`` is the one that the request names. Without it, the namespace of the caller's
        API key or else the home namespace is used.

        Raises:
            Problem: 401 or 403.
            GatewayError: the API server does not respond.
        """
        if action is Action.OPEN:
            return Caller(CallerKind.ANONYMOUS, self._settings.namespace)
        if action is Action.SESSION:
            if from_foreign_page(request, method, strict=False):
                raise foreign_page()
            return Caller(CallerKind.ANONYMOUS, self._settings.namespace)
        credentials = self._reader.read(request)
        if credentials.ambient and from_foreign_page(request, method, strict=credentials.session):
            raise foreign_page()
        try:
            caller = await self.identify(credentials, namespace)
        except CredentialRefused as error:
            raise sign_in(str(error)) from error
        if action is Action.IDENTIFY:
            return caller
        if not self._may_be_anonymous and caller.kind is CallerKind.ANONYMOUS:
            raise sign_in(None)
        if caller.namespace not in self.namespaces:
            raise namespace_not_served(caller.namespace)
        if not await self.may(caller, action):
            raise self._refusal(caller, action)
        return caller

    async def sign_in(self, text: str) -> Caller:
        """Return the owner of a token or API key. Raises Problem 401 and GatewayError."""
        credentials = self._reader.of_text(text)
        if not credentials.given:
            raise nothing_to_sign_in_with()
        try:
            return await self.identify(credentials, None)
        except CredentialRefused as error:
            raise sign_in(str(error)) from error

    async def identify(self, credentials: Credentials, namespace: str | None) -> Caller:
        """Return the caller with these credentials. Raises CredentialRefused and GatewayError."""
        home = self._settings.namespace
        if credentials.key is not None:
            key = await self.keyring.find(credentials.key)
            return Caller(CallerKind.KEY, namespace or key.namespace, key=key)
        if credentials.token is not None:
            person = await self._reviewer.person(credentials.token)
            return Caller(
                CallerKind.USER, namespace or home, person=person, token=credentials.token
            )
        if credentials.person is not None:
            return Caller(CallerKind.USER, namespace or home, person=credentials.person)
        return Caller(CallerKind.ANONYMOUS, namespace or home)

    async def may(self, caller: Caller, action: Action) -> bool:
        """Return whether a caller has the right that an action needs in the caller's namespace.

        Raises CredentialRefused and GatewayError.
        """
        if caller.namespace not in self.namespaces:
            return False
        if caller.key is not None:
            return _key_may(caller.key, action, caller.namespace)
        if action is Action.KEYS and caller.person is not None and self._is_admin(caller.person):
            return True
        return await self._has(caller, action.right(caller.namespace))

    async def still_may(self, caller: Caller, action: Action) -> bool:
        """Return whether an admitted caller would still be admitted now, for long responses.

        Raises GatewayError.
        """
        try:
            if caller.key is not None:
                await self.keyring.check(caller.key)
            if caller.token is not None:
                await self._reviewer.person(caller.token)
            return await self.may(caller, action)
        except CredentialRefused:
            return False

    async def visible_namespaces(self, caller: Caller) -> list[str]:
        """Return the namespaces whose requests a caller may list. Raises GatewayError."""
        return [
            namespace
            for namespace in self.namespaces
            if await self.may(caller.in_namespace(namespace), Action.LIST)
        ]

    async def _has(self, caller: Caller, right: Right) -> bool:
        if caller.token is not None:
            return await self._reviewer.token_may(caller.token, right)
        if caller.person is not None:
            return await self._reviewer.person_may(caller.person, right)
        # An anonymous caller cannot manage API keys.
        return self._may_be_anonymous and right.resource != "secrets"

    @property
    def guards_images(self) -> bool:
        """Whether reading output images requires a right."""
        return self._settings.auth_images

    @property
    def _may_be_anonymous(self) -> bool:
        return self._settings.auth_mode == "none"

    def _is_admin(self, person: Person) -> bool:
        names = {person.name, *(f"group:{group}" for group in person.groups)}
        return not names.isdisjoint(self._settings.auth_admins)

    def _refusal(self, caller: Caller, action: Action) -> Exception:
        if action is Action.FILE:
            return no_such_file()
        return not_allowed(caller.name, str(action.right(caller.namespace)))


def _key_may(key: ApiKey, action: Action, namespace: str) -> bool:
    if action is Action.KEYS or namespace != key.namespace:
        return False
    return key.scope is Scope.WRITE or not action.writes
