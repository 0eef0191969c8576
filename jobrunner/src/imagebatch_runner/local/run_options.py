"""The options of a local run, which are the same for all kinds of source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.source_columns import SourceColumns, TableChoice, table_choice
from imagebatch_core.spec import Output
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.s3_sources import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.store.storage import Storage

#: Images of one shard: few enough to need little memory.
_IMAGES_PER_SHARD: Final = 5000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of ``imagebatch-runner local``, without its source and folders."""

    output: Output
    retries: int
    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    sheet: str | None = None
    columns: SourceColumns | None = None
    base_url: str | None = None

    @property
    def choice(self) -> TableChoice:
        """The choice of columns with which the CSV is read."""
        return table_choice(self.columns, self.base_url)

    def batch(self, *, name: str, csv: Path, base: Path, out: Path, keys: BatchKeys) -> Batch:
        """Return the batch of ``csv`` with its results in ``out``.

        Relative paths in the CSV start at ``base``.
        """
        credentials = Credentials.load(self.settings.fetch_credentials_file)
        allow = S3AllowList.parse(self.settings.fetch_s3_allow)
        return Batch(
            RunnerJob(
                namespace="local",
                name=name.encode(errors="replace").decode(),  # not every file's name is UTF-8
                uid="local",
                source=JobSource(
                    path=str(csv), sheet=self.sheet, columns=self.columns, base_url=self.base_url
                ),
                output=self.output,
                images_per_shard=_IMAGES_PER_SHARD,
                retries=self.retries,
            ),
            keys,
            Storage.open(out.resolve().as_uri(), self.env, patience=0),
            self.settings,
            credentials=credentials,
            s3=S3Sources("local", allow, credentials, self.env),
            files=LocalFiles(base.resolve()),
        )
