"""Which files of a folder are its images."""

from __future__ import annotations

import os
from pathlib import Path

from imagebatch_runner.local.listing import scan


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_images_are_found_below_in_the_order_of_their_paths(tmp_path: Path) -> None:
    put(tmp_path, "b.png", "a/z.JPG", "a/b/c.webp", "A.tiff")
    assert scan(tmp_path, tmp_path / "out").files == ("A.tiff", "a/b/c.webp", "a/z.JPG", "b.png")


def test_other_files_are_counted_and_hidden_ones_are_not(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.heic", "c.HEIC", "d.svg", "README", ".hidden.jpg", ".git/e.jpg")
    listing = scan(tmp_path, tmp_path / "out")
    assert listing.files == ("a.jpg",)
    assert listing.skipped == {".heic": 2, ".svg": 1, "without ending": 1}


def test_results_are_not_read_back(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "out/images/a.jpg", "old/images/a.jpg", "csv/images/1-1-0.jpg")
    put(tmp_path, "old/.imagebatch/source.json", "csv/plan.json", "csv/input.csv")
    assert scan(tmp_path, tmp_path / "out").files == ("a.jpg",)


def test_links_are_followed_within_the_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    put(folder, "a.jpg", "sub/b.jpg", "out/images/c.jpg")
    put(tmp_path, "secret.jpg", "other/d.jpg")
    (folder / "within.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to("../secret.jpg")
    (folder / "result.jpg").symlink_to("out/images/c.jpg")
    (folder / "nowhere.jpg").symlink_to("nothing.jpg")
    (folder / "loop").symlink_to(".")
    (folder / "other").symlink_to("../other")
    listing = scan(folder, folder / "out")
    assert listing.files == ("a.jpg", "sub/b.jpg", "within.jpg")
    assert listing.skipped == {
        "links that lead elsewhere": 2,
        "links to folders": 2,
        "links to nothing": 1,
    }


def test_names_that_no_output_can_have_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "line\nbreak.jpg", "x" * 245 + ".jpg")
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb"):  # noqa: PTH123 - bytes
        pass
    listing = scan(tmp_path, tmp_path / "out")
    assert listing.files == ("a.jpg",)
    (reason, number), *others = listing.skipped.items()
    assert reason.startswith("names that no output can have")
    assert (number, others) == (3, [])


def test_stamp_changes_with_every_file(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    stamps = [scan(tmp_path, tmp_path / "out").stamp for _ in range(2)]
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    stamps.append(scan(tmp_path, tmp_path / "out").stamp)
    (tmp_path / "b.jpg").rename(tmp_path / "c.jpg")
    stamps.append(scan(tmp_path, tmp_path / "out").stamp)
    assert stamps[0] == stamps[1]
    assert len(set(stamps)) == 3
