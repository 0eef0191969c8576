"""What local runs refuse, before any image is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagebatch_core.errors import ConfigurationRefused, ImageBatchError, InputRefused
from imagebatch_core.job import ExitCode
from imagebatch_core.spec import Output
from imagebatch_runner.local.command import LocalRun
from imagebatch_runner.local.from_csv import open_csv
from imagebatch_runner.local.from_folder import open_images
from imagebatch_runner.local.run_options import RunOptions
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps import plan
from support import workbooks


def options(**output: int) -> RunOptions:
    return RunOptions(Output(**output), 0, Settings(), {})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    return folder


def test_folder_without_images_says_what_it_looked_for(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"x")
    with pytest.raises(
        InputRefused, match=r"no images \(\.jpg, \.jpeg, .*\); other files that are there: 1"
    ):
        open_images(folder, tmp_path / "out", options())
    assert not (tmp_path / "out").exists()


def test_folder_of_the_originals_is_never_the_out(photos: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="the folder of the images itself"):
        open_images(photos, photos / ".." / "photos", options())


@pytest.mark.parametrize(
    ("out", "told"), [("file", "is a file"), ("file/below", "cannot be written: Not a directory")]
)
def test_out_that_cannot_be_written_is_refused(
    photos: Path, tmp_path: Path, out: str, told: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationRefused, match=told):
        open_images(photos, tmp_path / out, options())


def test_folder_of_results_is_refused_as_a_source(photos: Path, tmp_path: Path) -> None:
    open_images(photos, tmp_path / "out", options())
    with pytest.raises(InputRefused, match="holds the results of a run"):
        open_images(tmp_path / "out", tmp_path / "again", options())


def test_sheet_is_for_a_workbook(photos: Path, tmp_path: Path) -> None:
    named = RunOptions(Output(), 0, Settings(), {}, sheet="Products")
    csv = tmp_path / "products.csv"
    csv.write_text("S. No.,Product Name,Input Image Urls\n1,a,a.jpg\n")
    with pytest.raises(InputRefused, match=r"the input is no \.xlsx file"):
        open_csv(csv, tmp_path / "out", named)
    assert not (tmp_path / "out").exists()
    local = LocalRun(photos, tmp_path / "out", None, quiet=True, as_json=False)
    assert local.run(lambda: named) == ExitCode.INPUT_REFUSED


def test_workbook_is_gone_on_with_and_another_sheet_is_another_input(tmp_path: Path) -> None:
    book = tmp_path / "products.xlsx"
    book.write_bytes(
        workbooks.by_openpyxl(
            {
                "New": [workbooks.HEADER, [1, "a", "a.jpg"]],
                "Old": [workbooks.HEADER, [1, "b", "b.jpg"]],
            }
        )
    )
    for _ in range(2):
        plan.plan(open_csv(book, tmp_path / "out", options()))
    with pytest.raises(ConfigurationRefused, match="results of another CSV"):
        open_csv(book, tmp_path / "out", RunOptions(Output(), 0, Settings(), {}, sheet="Old"))


def test_other_options_are_refused_and_told(photos: Path, tmp_path: Path) -> None:
    batch, _ = open_images(photos, tmp_path / "out", options(quality=40))
    plan.plan(batch)
    (photos / "b.jpg").write_bytes(b"y")
    with pytest.raises(ConfigurationRefused, match=r"\(quality 40, maxWidth not set\)"):
        open_images(photos, tmp_path / "out", options(quality=60, max_width=10))
    open_images(photos, tmp_path / "out", options(quality=40))


def test_out_belongs_to_one_source(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.jpg").write_bytes(b"x")
    csv = tmp_path / "products.csv"
    csv.write_text("S. No.,Product Name,Input Image Urls\n1,a,photos/a.jpg\n")
    open_images(photos, tmp_path / "out", options())
    with pytest.raises(ConfigurationRefused, match="of another folder"):
        open_images(other, tmp_path / "out", options())
    with pytest.raises(ConfigurationRefused, match="of a folder"):
        open_csv(csv, tmp_path / "out", options())
    plan.plan(open_csv(csv, tmp_path / "of-csv", options()))
    with pytest.raises(ConfigurationRefused, match="of a CSV"):
        open_images(photos, tmp_path / "of-csv", options())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "images").mkdir()
    with pytest.raises(ConfigurationRefused, match="holds images of something else"):
        open_images(photos, tmp_path / "mine", options())
    assert list((tmp_path / "mine").iterdir()) == [tmp_path / "mine" / "images"]


def test_csv_that_was_refused_can_be_corrected_and_run_again(photos: Path, tmp_path: Path) -> None:
    csv, out = tmp_path / "products.csv", tmp_path / "out"
    csv.write_text("no header\n")
    with pytest.raises(InputRefused):
        open_csv(csv, out, options())
    assert not out.exists()
    header = "S. No.,Product Name,Input Image Urls\n"
    for text in (f"{header}1,a,ftp://host/a.jpg\n", f'{header}1,a,{photos}/a.jpg\n9,"open\n'):
        csv.write_text(text)
        with pytest.raises(InputRefused):
            plan.plan(open_csv(csv, out, options()))
    csv.write_text(f"{header}1,a,{photos}/a.jpg\n")
    assert plan.plan(open_csv(csv, out, options())).images == 1
    csv.write_text(f"{header}1,a,{photos}/b.jpg\n")
    with pytest.raises(ConfigurationRefused, match="of another CSV"):
        open_csv(csv, out, options())


HEADER = "S. No.,Product Name,Input Image Urls\n"


@pytest.mark.parametrize(
    ("source", "foreign", "told"),
    [
        ("input.csv", None, "lies where .* keeps its copy"),
        ("products.csv", "input.csv", "holds input.csv of something else"),
        ("products.csv", "plan.json", "holds plan.json of something else"),
        ("products.csv", "summary.json", "holds summary.json of something else"),
        ("products.csv", "owner.json", "holds owner.json of something else"),
    ],
)
def test_nothing_of_others_in_the_out_is_removed_or_read_as_ours(
    tmp_path: Path, source: str, foreign: str | None, told: str
) -> None:
    (tmp_path / source).write_text(f"{HEADER}1,a,a.jpg\n")
    if foreign is not None:
        (tmp_path / foreign).write_text("{}")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigurationRefused, match=told):
        open_csv(tmp_path / source, tmp_path, options())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_run_that_was_killed_right_after_it_copied_the_csv_goes_on(
    photos: Path, tmp_path: Path
) -> None:
    csv, out = tmp_path / "products.csv", tmp_path / "out"
    csv.write_text(f"{HEADER}1,a,{photos}/a.jpg\n")
    out.mkdir()
    (out / "input.csv").write_bytes(csv.read_bytes())
    assert plan.plan(open_csv(csv, out, options())).images == 1


def test_reuse_from_is_for_a_csv(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = LocalRun(photos, tmp_path / "out", tmp_path, quiet=False, as_json=False)
    assert run.run(options) == 2
    assert "a folder takes over from its own last run by itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "folder"),
    [("products.csv", "products-compressed"), ("a/photos/", "photos-compressed"), (".", None)],
)
def test_out_is_made_of_the_sources_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, folder: str | None
) -> None:
    (tmp_path / "a" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    run = LocalRun(Path(source), None, None, quiet=False, as_json=False)
    assert run.folder == Path(folder or f"{tmp_path.name}-compressed")


def test_refusal_of_an_image_as_source_says_what_to_name(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"a\.jpg is an image: name its folder"):
        open_csv(photos / "a.jpg", tmp_path / "out", options())


def test_csv_of_a_header_alone_leaves_nothing_behind(tmp_path: Path) -> None:
    csv = tmp_path / "products.csv"
    csv.write_text("S. No.,Product Name,Input Image Urls\n\n")
    with pytest.raises(InputRefused, match="a header and no rows"):
        open_csv(csv, tmp_path / "out", options())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("too_long", ["source", "out"])
def test_path_that_the_system_refuses_is_a_refusal(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], too_long: str
) -> None:
    paths = {"source": photos, "out": tmp_path / "out", too_long: tmp_path / ("x" * 300)}
    run = LocalRun(paths["source"], paths["out"], None, quiet=True, as_json=False)
    assert run.run(options) == 2
    told = capsys.readouterr().err
    assert told.startswith("refused: ")
    assert "File name too long" in told


def test_source_whose_name_is_no_utf8_is_taken_into_an_out_whose_name_is(tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"b\xe4d")
    source.mkdir()
    (source / "a.jpg").write_bytes(b"x")
    with pytest.raises(ConfigurationRefused, match="need a path in UTF-8; choose another --out"):
        open_images(source, tmp_path / os.fsdecode(b"b\xe4d-compressed"), options())
    batch, _ = open_images(source, tmp_path / "out", options())
    assert plan.plan(batch).images == 1


def test_source_that_is_no_file_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="/dev/null: neither a file nor a folder"):
        open_csv(Path("/dev/null"), tmp_path / "out", options())


def test_refusal_of_a_changed_csv_says_how_to_go_on(photos: Path, tmp_path: Path) -> None:
    csv, out = tmp_path / "products.csv", tmp_path / "out"
    csv.write_text("S. No.,Product Name,Input Image Urls\n1,Cat,photos/a.jpg\n")
    plan.plan(open_csv(csv, out, options()))
    csv.write_text(csv.read_text() + "2,Dog,photos/a.jpg\n")
    with pytest.raises(ConfigurationRefused, match=f"--reuse-from {out} takes over what did not"):
        open_csv(csv, out, options())


def test_refusal_of_an_options_value_names_the_option(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> RunOptions:
        return RunOptions(Output(), 0, Settings.from_env({}, fetch_allow="http://x"), {})

    assert LocalRun(photos, None, None, quiet=True, as_json=False).run(refuse) == 2
    assert (
        "refused: --allow (IMAGEBATCH_FETCH_ALLOW)='http://x': 'http://x' is no host"
        in capsys.readouterr().err
    )


def test_options_that_are_refused_are_shown_as_any_refusal(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> RunOptions:
        raise ImageBatchError("no such setting")

    assert LocalRun(photos, None, None, quiet=True, as_json=True).run(refuse) == 2
    shown = capsys.readouterr()
    assert shown.err == "refused: no such setting\n"
    assert shown.out == '{"exitCode": 2, "error": "no such setting"}\n'
