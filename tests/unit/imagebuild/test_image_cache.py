"""What is built stays built; what a build leaves is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from imagebuild import cli, images
from imagebuild.folders import Cache, cache_root
from imagebuild.inputs import COMPONENTS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("IMAGEBATCH_CACHE", str(tmp_path / "cache"))
    return Cache(cache_root())


def _no_build(text: str) -> None:
    raise AssertionError(f"nothing had to be built: {text}")


def test_images_that_are_there_are_not_built_again(tree: Path, cache: Cache) -> None:
    wanted = images.expected(COMPONENTS, tree, cache)
    cache.archives.mkdir(parents=True)
    for image in wanted.values():
        image.archive.write_bytes(b"image")
    assert images.ensure(COMPONENTS, tree, cache, _no_build) == wanted


def test_the_cache_is_the_users_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEBATCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_root() == Path("/somewhere/imagebatch")
    monkeypatch.setenv("IMAGEBATCH_CACHE", "/elsewhere")
    assert cache_root() == Path("/elsewhere")


def test_refs_are_printed_as_json_without_building(
    cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["refs", "runner", "operator", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"runner", "operator"}
    for name, image in found.items():
        assert image["ref"].startswith(f"imagebatch/{name}:dev-")
        assert Path(image["archive"]).parent == cache.archives
    assert not cache.archives.exists()


def test_an_unknown_component_is_refused(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["refs", "runnner"])
    assert "no such component: runnner" in capsys.readouterr().err


def test_old_archives_go_and_wanted_ones_stay(cache: Cache) -> None:
    cache.archives.mkdir(parents=True)
    archives = [cache.archives / f"runner-{number}.tar" for number in range(6)]
    for age, archive in enumerate(archives):
        archive.write_bytes(b"")
        os.utime(archive, (age, age))
    images.prune(cache, {archives[0]})
    assert sorted(path.name for path in cache.archives.iterdir()) == [
        "runner-0.tar", "runner-3.tar", "runner-4.tar", "runner-5.tar",
    ]  # fmt: skip


def test_clean_leaves_what_others_keep_in_the_cache(cache: Cache) -> None:
    for folder in (cache.archives, cache.bases, cache.buildah, cache.root / "kube"):
        folder.mkdir(parents=True)
    images.clean(cache, lambda _: None)
    assert {path.name for path in cache.root.iterdir()} == {"kube", "images.lock"}


def test_what_a_killed_build_left_goes_with_the_next(cache: Cache) -> None:
    draft = cache.archives / "new-abc"
    draft.mkdir(parents=True)
    (draft / "pip.conf").write_text("[global]\n")
    (cache.archives / "runner-1.tar").write_bytes(b"")
    with cache.held(lambda _: None):
        assert [path.name for path in cache.archives.iterdir()] == ["runner-1.tar"]
