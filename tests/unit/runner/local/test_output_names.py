"""Claims about the names of a folder's outputs: as their inputs, and never one for two."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imagebatch_runner.fetch.local_files import LocalFiles, to_url
from imagebatch_runner.local.listing import ENDINGS
from imagebatch_runner.local.output_names import FolderKeys, OutputNames, reassigned


def named(kind: str, *files: str) -> list[str]:
    names = OutputNames.of(files)
    return [names.name(row, kind) for row in range(1, len(files) + 1)]


@pytest.mark.parametrize(
    ("kind", "files", "outputs"),
    [
        ("jpg", ["a.jpg", "b/c.jpeg", "b/D.JPG"], ["a.jpg", "b/c.jpeg", "b/D.JPG"]),
        ("jpg", ["a.png", "b/c.tiff"], ["a.jpg", "b/c.jpg"]),
        ("tif", ["a.tiff", "b.TIF"], ["a.tiff", "b.TIF"]),
        ("jpg", ["a.jpg", "a.png"], ["a.jpg", "a.png.jpg"]),
        ("webp", ["a.jpg", "a.png"], ["a.jpg.webp", "a.png.webp"]),
        ("jpg", ["A.png", "a.webp"], ["A.png.jpg", "a.webp.jpg"]),
        ("jpg", ["a.png", "b/a.jpg"], ["a.jpg", "b/a.jpg"]),
        ("jpg", ["a.gif", "a.png", "a.png.jpg"], ["a.gif.jpg", "a.png_.jpg", "a.png.jpg"]),
        ("jpg", ["a.png", "a.jpg/b.png"], ["a.png.jpg", "a.jpg/b.jpg"]),
    ],
)
def test_ending_changes_with_the_kind_unless_a_neighbour_is_in_the_way(
    kind: str, files: list[str], outputs: list[str]
) -> None:
    assert named(kind, *files) == outputs


_PATHS = st.lists(
    st.builds(
        "{}{}.{}".format,
        st.sampled_from(["", "a/", "a.jpg/"]),
        st.sampled_from(["a", "A", "a.png", "a.png.jpg", "b"]),
        st.sampled_from([*ENDINGS, "PNG", "JPG"]),
    ),
    unique=True,
)


@given(_PATHS, st.sampled_from(sorted(set(ENDINGS.values()))))
def test_no_two_inputs_share_an_output(files: list[str], kind: str) -> None:
    assume(not {"a.jpg", "a.JPG"} & set(files))  # which the folder of that name rules out
    outputs = named(kind, *files)
    assert len(set(outputs)) == len(files)
    folders = {output.rpartition("/")[0] for output in outputs}
    assert not folders & set(outputs)


def test_output_name_that_belonged_to_another_input_is_not_reused() -> None:
    now = OutputNames.of(("a.png", "b.png", "c.png", "d.png"))
    last = OutputNames.of(("a.png", "b.png", "c.png"))
    unfinished = OutputNames.of(("a.jpg", "a.png", "c.png"))
    assert reassigned(now, [last]) == {"d"}
    assert reassigned(now, [last, unfinished]) == {"a", "b", "d"}


def test_reports_and_images_lie_where_people_look_and_the_rest_does_not() -> None:
    keys = FolderKeys(".imagebatch/000001-x/", OutputNames.of(("a/b.png",)))
    assert keys.image(1, 1, "0" * 64, "webp") == "images/a/b.webp"
    assert keys.same_image(1, 1, "images/a/b.webp") == "images/a/b.webp"
    assert (keys.report_csv, keys.report_jsonl) == ("report.csv", "report.jsonl")
    assert keys.plan.startswith(".imagebatch/")
    assert keys.part(0, "w", 0).startswith(".imagebatch/")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_path_comes_back_from_its_url(path: str) -> None:
    url = to_url(path)
    assert "," not in url
    assert url == url.strip()
    files = LocalFiles(Path("/base"))
    if "://" in path:
        path = path if url == path or not url.startswith("./") else f"./{path}"
    assert files.names(url)
    assert files.path(url) == Path("/base") / path
