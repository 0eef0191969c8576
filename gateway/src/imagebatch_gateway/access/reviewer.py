"""Reviews of callers by the API server, each cached for at most a minute."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cachetools import TTLCache

from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import CredentialRefused
from imagebatch_gateway.backends.reviews import Person, Reviews, Right

#: Seconds for which the refusal of a token is cached.
REFUSED_SECONDS: Final = 10.0
_ENTRIES: Final = 10_000


class Reviewer:
    """Caches reviews for ``seconds``. The keys of the cache are hashes of tokens. ``clock`` returns
    seconds."""

    def __init__(self, reviews: Reviews, seconds: float, clock: Callable[[], float]) -> None:
        self._reviews = reviews
        self._persons: TTLCache[bytes, Person] = TTLCache(_ENTRIES, seconds, clock)
        self._refused: TTLCache[bytes, str] = TTLCache(_ENTRIES, REFUSED_SECONDS, clock)
        self._rights: TTLCache[tuple[bytes | Person, Right], bool] = TTLCache(
            _ENTRIES, seconds, clock
        )

    async def person(self, token: str) -> Person:
        """Return the user of a token. Raises CredentialRefused and the errors of a review."""
        hashed = _hashed(token)
        refusal = self._refused.get(hashed)
        if refusal is not None:
            raise CredentialRefused(refusal)
        person = self._persons.get(hashed)
        metrics.looked_up("reviews", hit=person is not None)
        if person is None:
            try:
                person = await self._reviews.person(token)
            except CredentialRefused as error:
                self._refused[hashed] = str(error)
                raise
            self._persons[hashed] = person
        return person

    async def token_may(self, token: str, right: Right) -> bool:
        """Return whether the user of a token has a right. Raises the errors of a review."""
        known = (_hashed(token), right)
        allowed = self._rights.get(known)
        metrics.looked_up("reviews", hit=allowed is not None)
        if allowed is None:
            allowed = self._rights[known] = await self._reviews.token_may(token, right)
        return allowed

    async def person_may(self, person: Person, right: Right) -> bool:
        """Return whether a user has a right. Raises the errors of a review."""
        known = (person, right)
        allowed = self._rights.get(known)
        metrics.looked_up("reviews", hit=allowed is not None)
        if allowed is None:
            allowed = self._rights[known] = await self._reviews.person_may(person, right)
        return allowed


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
