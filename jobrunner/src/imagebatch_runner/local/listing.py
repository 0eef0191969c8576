"""List the images below a folder of this machine, in the order of their paths.

A file is an image if its name has the ending of one. Hidden files and folders, links that lead out
of the folder, and the results of runs are left out. Files that are not images are left out and
counted.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from imagebatch_core.formats import BY_EXTENSION

#: The ending of each input image, mapped to the ending of an output of the same format.
ENDINGS: Final = {ending: kind.extension for ending, kind in BY_EXTENSION.items()}
#: The folder within ``--out`` that marks it as the results of a folder.
STATE: Final = ".imagebatch"
_LONGEST_NAME: Final = 240
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LINK: Final = "links that lead elsewhere"
_LINKED_FOLDER: Final = "links to folders"
_BROKEN_LINK: Final = "links to nothing"
_NAME: Final = "names that no output can have (over 240 bytes, control characters or no UTF-8)"
_CLOSED: Final = "folders that cannot be read"


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a folder: ``files`` are their relative paths, sorted.

    ``skipped`` counts the other files by ending or reason. ``stamp`` changes when an image is
    added, removed, written again or changes its size.
    """

    files: tuple[str, ...]
    stamp: str
    skipped: Counter[str]


def scan(folder: Path, out: Path) -> Listing:
    """List all images below ``folder``, except those in ``out``."""
    skipped: Counter[str] = Counter()
    root, outside = folder.resolve(), out.resolve()
    found = sorted(_images(root, root, outside, skipped))
    digest = sha256()
    for image in found:
        digest.update(repr(image).encode())
    return Listing(tuple(path for path, *_ in found), digest.hexdigest(), skipped)


def ending(name: str) -> str:
    """Return the part of a path after its last dot, in lower case."""
    return os.path.splitext(name)[1][1:].lower()  # noqa: PTH122 - a Path each would be slow


def _images(
    folder: Path, root: Path, out: Path, skipped: Counter[str]
) -> Iterator[tuple[str, int, int]]:
    """Yield path, size in bytes and time of the last change in nanoseconds of each image.

    Other files are counted in ``skipped``.
    """
    try:
        with os.scandir(folder) as scanned:
            entries = list(scanned)
    except OSError:
        skipped[_CLOSED] += 1
        return
    if is_result({entry.name for entry in entries}):
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or path == out:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _images(path, root, out, skipped)
        elif entry.is_dir():
            skipped[_LINKED_FOLDER] += 1
        elif ending(entry.name) not in ENDINGS:
            skipped[f".{ending(entry.name)}" if ending(entry.name) else "without ending"] += 1
        elif entry.is_symlink() and not _stays_within(path, root, out):
            skipped[_LINK] += 1
        elif not _can_be_output(entry.name):
            skipped[_NAME] += 1
        elif entry.is_file():
            seen = entry.stat()
            yield path.relative_to(root).as_posix(), seen.st_size, seen.st_mtime_ns
        elif entry.is_symlink():
            skipped[_BROKEN_LINK] += 1


def is_result(names: set[str]) -> bool:
    """Return whether a folder with these entries holds the results of a run."""
    return STATE in names or {"plan.json", "input.csv"} <= names


def _stays_within(link: Path, root: Path, out: Path) -> bool:
    target = link.resolve()
    return target.is_relative_to(root) and not target.is_relative_to(out)


def _can_be_output(name: str) -> bool:
    """Return whether an output can have this name.

    It must be UTF-8, have no control characters and leave room for an ending.
    """
    try:
        return len(name.encode()) <= _LONGEST_NAME and not _CONTROL.search(name)
    except UnicodeEncodeError:
        return False
