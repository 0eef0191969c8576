"""``owner.json``: which batch the objects of a prefix belong to."""

from __future__ import annotations

from typing import Self

from .job import RunnerJob
from .model import Document
from .spec import DeletionPolicy


class Owner(Document):
    """The batch that the objects of a prefix belong to, as ``owner.json`` names it.

    Plan writes it before anything else of the batch. It stays when the resource is gone, and tells
    the sweeper whether the objects must be removed then.
    """

    namespace: str
    name: str
    uid: str
    deletion_policy: DeletionPolicy

    @classmethod
    def of(cls, job: RunnerJob) -> Self:
        return cls(
            namespace=job.namespace,
            name=job.name,
            uid=job.uid,
            deletion_policy=job.deletion_policy,
        )
