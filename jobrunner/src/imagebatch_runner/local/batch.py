"""What a local run of a CSV and one of a folder have in common: the folder that is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.job import JobSource, RunnerJob
from imagebatch_core.keys import BatchKeys
from imagebatch_core.spec import Output
from imagebatch_runner.fetch.credentials import Credentials
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.s3_images import S3Sources
from imagebatch_runner.fetch.s3_urls import S3AllowList
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.batch import Batch
from imagebatch_runner.store.storage import Storage

#: Images of one shard; small enough that the memory of a shard does not matter.
_IMAGES_PER_SHARD = 5000


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asks for, whatever the source."""

    output: Output
    retries: int
    settings: Settings
    env: Mapping[str, str] = field(repr=False)

    def batch(self, *, name: str, csv: Path, base: Path, out: Path, keys: BatchKeys) -> Batch:
        """The batch of ``csv`` in ``out``; paths in it are relative to ``base``."""
        credentials = Credentials.load(self.settings.fetch_credentials_file)
        allow = S3AllowList.parse(self.settings.fetch_s3_allow)
        return Batch(
            RunnerJob(
                namespace="local",
                name=name.encode(errors="replace").decode(),  # not every file's name is UTF-8
                uid="local",
                source=JobSource(path=str(csv)),
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


def make_writable(out: Path) -> None:
    """Make the folder of the results, if it is not there.

    Raises:
        ConfigurationRefused: it cannot be made, or not be written to, or its path is no UTF-8.
    """
    try:
        str(out.resolve()).encode()
    except UnicodeEncodeError:
        raise ConfigurationRefused(
            f"{out}: results need a path in UTF-8; choose another --out"
        ) from None
    try:
        if out.exists() and not out.is_dir():
            raise ConfigurationRefused(f"{out} is a file; --out must be a folder")
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigurationRefused(
            f"{out} cannot be written: {error.strerror or error}; choose another --out"
        ) from error


def refuse_foreign(
    out: Path, names: Iterable[str] = ("report.csv", "report.jsonl", "images")
) -> None:
    """Refuse a folder that holds something by one of these names, which we would write, of others:
    it would be overwritten, or taken for ours."""
    foreign = [name for name in names if (out / name).exists()]
    if foreign:
        raise ConfigurationRefused(
            f"{out} holds {', '.join(foreign)} of something else; choose another --out"
        )


def refuse_other_options(out: Path, earlier: Output, now: Output) -> None:
    """Refuse to mix outputs of different options in one folder."""
    then = now.differences(earlier)
    if then:
        told = ", ".join(f"{name} {_plain(value)}" for name, value in then.items())
        raise ConfigurationRefused(
            f"{out} holds results made with other options ({told}); choose another --out"
        )


def _plain(value: object) -> str:
    return "not set" if value is None else str(getattr(value, "value", value))
