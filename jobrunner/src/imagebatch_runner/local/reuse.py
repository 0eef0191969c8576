"""Reuse the outputs in an earlier run's folder as hard links, which need no space."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.failures import StorageUnavailable
from imagebatch_runner.steps.batch import CopyOutput, EarlierBatch
from imagebatch_runner.store.storage import Storage


def earlier_folder(folder: Path, out: Path, env: Mapping[str, str]) -> EarlierBatch:
    """Return the batch that an earlier run left in ``folder``.

    Raises:
        ConfigurationRefused: ``folder`` holds no batch, or is ``out`` itself.
    """
    keys = BatchKeys(root="")
    if folder.resolve() == out.resolve():
        raise ConfigurationRefused(f"{folder} cannot be reused in itself; choose another --out")
    if not (folder / keys.plan).is_file():
        raise ConfigurationRefused(f"{folder} holds no earlier run to reuse")
    path = folder.resolve()
    return EarlierBatch(str(path), Storage.open(path.as_uri(), env, patience=0), keys)


def linking_from(folder: Path, out: Path) -> CopyOutput:
    """Return a function that links an output from the earlier ``folder`` into ``out``.

    It copies the file if the file system has no hard links.
    """

    async def copy(source: str, target: str) -> bool:
        return await asyncio.to_thread(_link, folder / source, out / target)

    return copy


def _link(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:  # an interrupted run made it; it is the same, as its name has its hash
        return True
    except FileNotFoundError:
        return False
    except OSError:
        return _copy(source, target)
    return True


def _copy(source: Path, target: Path) -> bool:
    staged = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, staged)
        staged.replace(target)
    except FileNotFoundError:
        return False
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise StorageUnavailable(f"{target}: {error.strerror or error}") from error
    return True
