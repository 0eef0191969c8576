"""The cache folder, outside the repository, for what is built or downloaded once."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the cache folder: ``IMAGEBATCH_CACHE``, or else ``imagebatch`` in the user's cache."""
    own = os.environ.get("IMAGEBATCH_CACHE")
    if own:
        return Path(own).absolute()
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache").absolute() / "imagebatch"
