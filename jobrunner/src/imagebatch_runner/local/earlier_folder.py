"""Taking over from another folder, in local mode: as hard links, which take no space."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.keys import BatchKeys
from imagebatch_runner.failures import StorageUnavailable
from imagebatch_runner.steps.batch import EarlierBatch, Take
from imagebatch_runner.store.storage import Storage


def earlier_folder(folder: Path, out: Path, env: Mapping[str, str]) -> EarlierBatch:
    """The batch that was done in ``folder``.

    Raises:
        ConfigurationRefused: there is none, or it is the folder to be written.
    """
    keys = BatchKeys(root="")
    if folder.resolve() == out.resolve():
        raise ConfigurationRefused(f"{folder} cannot be reused in itself; choose another --out")
    if not (folder / keys.plan).is_file():
        raise ConfigurationRefused(f"{folder} holds no earlier run to reuse")
    path = folder.resolve()
    return EarlierBatch(str(path), Storage.open(path.as_uri(), env, patience=0), keys)


def linking(folder: Path, out: Path) -> Take:
    """Links from the earlier folder into ``out``; copies where the file system has no links."""

    async def take(source: str, target: str) -> bool:
        return await asyncio.to_thread(_link, folder / source, out / target)

    return take


def _link(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:  # of an interrupted run; its name holds its hash
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
