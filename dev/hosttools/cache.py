"""The folder for what is built or downloaded once. It lies outside the tree."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """``IMAGEBATCH_CACHE``, else ``imagebatch`` in the user's cache folder."""
    own = os.environ.get("IMAGEBATCH_CACHE")
    if own:
        return Path(own).absolute()
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache").absolute() / "imagebatch"
