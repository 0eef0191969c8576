"""Create the folder for the results of a local run, and refuse folders that may not be used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.spec import Output


def make_writable(out: Path) -> None:
    """Create the folder of the results if it does not exist, and check that it can be written.

    Raises:
        ConfigurationRefused: it cannot be created or written, or its path is not UTF-8.
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
    """Refuse a folder that has files of something else under these ``names``.

    A run would overwrite them, or take them for its own.

    Raises:
        ConfigurationRefused: some of the names exist; the message lists them.
    """
    foreign = [name for name in names if (out / name).exists()]
    if foreign:
        raise ConfigurationRefused(
            f"{out} holds {', '.join(foreign)} of something else; choose another --out"
        )


def refuse_other_options(out: Path, earlier: Output, now: Output) -> None:
    """Refuse to mix outputs of different options in one folder.

    Raises:
        ConfigurationRefused: the options differ; the message says what the earlier ones were.
    """
    then = now.differences(earlier)
    if then:
        told = ", ".join(f"{name} {_plain(value)}" for name, value in then.items())
        raise ConfigurationRefused(
            f"{out} holds results made with other options ({told}); choose another --out"
        )


def _plain(value: object) -> str:
    return "not set" if value is None else str(getattr(value, "value", value))
