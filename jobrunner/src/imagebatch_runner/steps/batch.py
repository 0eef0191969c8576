"""One batch as every step of it sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagebatch_core.job import RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.fetch.credentials import NO_CREDENTIALS, Credentials
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.s3_images import S3Sources
from imagebatch_runner.settings import Settings
from imagebatch_runner.store.storage import Storage

#: Copies an earlier batch's output, by its key, to a key of this one; ``False``: it is gone.
Take = Callable[[str, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class EarlierBatch:
    """The batch whose outputs may be taken over; ``name`` is how ``plan.json`` records it."""

    name: str
    storage: Storage
    keys: BatchKeys


@dataclass(frozen=True, slots=True)
class Batch:
    """``take`` is set where the earlier outputs do not lie in this batch's own store.

    Images in S3 and files of this machine are taken where ``s3`` and ``files`` say which.
    """

    job: RunnerJob
    keys: BatchKeys
    storage: Storage
    settings: Settings
    earlier: EarlierBatch | None = None
    take: Take | None = None
    credentials: Credentials = NO_CREDENTIALS
    s3: S3Sources | None = None
    files: LocalFiles | None = None
