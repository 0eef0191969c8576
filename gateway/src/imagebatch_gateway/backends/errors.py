"""Errors of the API server and the object store, as the gateway sees them.

::

    ImageBatchError
    └── GatewayError
        ├── BatchMissing         no ImageBatch of that name
        ├── BatchExists          the name is taken
        ├── BatchUnreadable      the stored resource is not one this version understands
        ├── SpecRefused          the API server's schema, rules or policies refuse the resource
        ├── QuotaExceeded        the namespace's quota refuses one more
        ├── CredentialRefused    no valid credentials came with the request
        ├── CallerRefused        the caller lacks a right in the cluster
        ├── ClusterRefused       the gateway's own permissions or the CRD are missing
        ├── ClusterUnavailable   the API server does not respond
        ├── ListExpired          a list or watch is too old to be continued: list again
        ├── StoreUnavailable     the object store does not respond, or refuses the request
        ├── ResultMissing        an object that should be in the store is not there
        ├── ResultUnreadable     a recorded result is not one this version understands
        └── CursorRefused        the caller sent a cursor that is not valid here
"""

from __future__ import annotations

from dataclasses import dataclass

from imagebatch_core.errors import ImageBatchError


class GatewayError(ImageBatchError):
    """Base of the gateway's own errors."""


class BatchMissing(GatewayError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no ImageBatch is named {name!r}")
        self.name = name


class BatchExists(GatewayError):
    def __init__(self, name: str) -> None:
        super().__init__(f"an ImageBatch named {name!r} exists")
        self.name = name


class BatchUnreadable(GatewayError):
    def __init__(self, name: str) -> None:
        super().__init__(f"this version cannot read the ImageBatch {name!r}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why a resource was refused; ``field`` is a path such as
    ``spec.output.quality``."""

    field: str
    message: str


class SpecRefused(GatewayError):
    def __init__(self, message: str, causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message)
        self.causes = causes


class QuotaExceeded(GatewayError):
    pass


class CredentialRefused(GatewayError):
    pass


class CallerRefused(GatewayError):
    pass


class ClusterRefused(GatewayError):
    pass


class ClusterUnavailable(GatewayError):
    """The API server did not respond. ``undecided``: the request may have been carried out."""

    def __init__(self, message: str, *, undecided: bool) -> None:
        super().__init__(message)
        self.undecided = undecided


class ListExpired(GatewayError):
    pass


class StoreUnavailable(GatewayError):
    pass


class ResultMissing(GatewayError):
    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is not in the store")
        self.key = key


class ResultUnreadable(GatewayError):
    def __init__(self, key: str) -> None:
        super().__init__(f"this version cannot read {key}")
        self.key = key


class CursorRefused(GatewayError):
    pass
