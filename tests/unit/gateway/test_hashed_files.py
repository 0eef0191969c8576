from __future__ import annotations

from pathlib import Path

from imagebatch_gateway.page.hashed_files import HashedFiles


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    file.write_text("one")
    first = HashedFiles([file]).names["a.css"]
    file.write_text("two")
    second = HashedFiles([file]).names["a.css"]

    assert first != second
    assert first.startswith("a.")
    assert first.endswith(".css")


def test_modules_that_import_each_other_share_a_name_that_any_change_changes(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.js").write_text('import "./other.js"')
    (tmp_path / "other.js").write_text("1")
    before = HashedFiles([], folder=tmp_path)
    (tmp_path / "other.js").write_text("2")
    after = HashedFiles([], folder=tmp_path)

    folder, _, name = before.names["app.js"].partition("/")
    assert name == "app.js"
    assert before.names["other.js"] == f"{folder}/other.js"
    assert after.names["app.js"] != before.names["app.js"]
    assert before.lookup_path("app.js")[1] is None
