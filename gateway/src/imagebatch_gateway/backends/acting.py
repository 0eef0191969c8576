"""A client of the API server that uses a caller's token."""

from __future__ import annotations

from copy import copy

from kubernetes.aio import client


def acting_as(anonymous: client.ApiClient, token: str) -> client.ApiClient:
    """Return a client whose requests carry ``token``; it shares the connections of ``anonymous``,
    which has no credentials of its own.
    """
    acting = copy(anonymous)
    acting.default_headers = {**anonymous.default_headers, "Authorization": f"Bearer {token}"}
    return acting
