"""The folders of the package; which may know which is import-linter's part (pyproject.toml)."""

import ast
from pathlib import Path

import imagebatch_runner

FOLDERS = [init.parent for init in Path(imagebatch_runner.__file__).parent.rglob("__init__.py")]


def test_no_folder_imports_anything_by_itself() -> None:
    """A decoder starts in tens of milliseconds: it loads the modules it needs, and no others."""
    assert len(FOLDERS) > 7
    for folder in FOLDERS:
        (docstring,) = ast.parse((folder / "__init__.py").read_text()).body
        assert isinstance(docstring, ast.Expr), folder
