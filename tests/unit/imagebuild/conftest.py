"""A repository with the inputs of every image."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagebuild.inputs import COMPONENTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with every input of every image, small."""
    root = tmp_path / "tree"
    for component in COMPONENTS.values():
        for name in component.paths:
            path = root / name
            if (ROOT / name).is_dir():
                (path / "src").mkdir(parents=True, exist_ok=True)
                (path / "src" / "code.py").write_text("print(1)\n")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path)
    return root
