"""The objects that all steps of a batch share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagebatch_core.job import RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult
from imagebatch_runner.fetch.credentials import NO_CREDENTIALS, Credentials
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.settings import Settings
from imagebatch_runner.store.storage import Storage

#: Copies an earlier batch's output from its key to a key of this batch; ``False`` if it is gone.
CopyOutput = Callable[[str, str], Awaitable[bool]]
#: Called with each result of a batch as it is known.
OnResult = Callable[[ImageResult], None]


@dataclass(frozen=True, slots=True)
class EarlierBatch:
    """The batch whose outputs are reused, or whose failed images are retried.

    ``plan.json`` records it under ``name``.
    """

    name: str
    storage: Storage
    keys: BatchKeys


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: its job, keys, store and settings, which all its steps use.

    ``copy_earlier`` is set when the earlier batch's outputs lie in another store. ``s3`` and
    ``files`` say which S3 objects and which files of this machine may be read as images; if they
    are ``None``, no such object or file may be read.
    """

    job: RunnerJob
    keys: BatchKeys
    storage: Storage
    settings: Settings
    earlier: EarlierBatch | None = None
    copy_earlier: CopyOutput | None = None
    credentials: Credentials = NO_CREDENTIALS
    s3: S3Sources | None = None
    files: LocalFiles | None = None

    @property
    def is_local(self) -> bool:
        """Whether this is a run on one machine, which no gateway reads."""
        return self.files is not None
