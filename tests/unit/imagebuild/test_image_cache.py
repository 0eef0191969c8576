"""What is built stays built; what a build leaves is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hosttools.cache import cache_root
from hosttools.errors import CommandFailed
from hosttools.progress import Say
from imagebuild import cli, images
from imagebuild.folders import Cache
from imagebuild.inputs import COMPONENTS
from imagebuild.request import BuildRequest


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


class _Builders:
    """Stands in for both builders; Docker fails at the image of that name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answers: bool, fails: str = "") -> None:
        self.built: list[tuple[str, str]] = []
        self.fails = fails
        monkeypatch.setattr(images.docker, "answers", lambda: answers)
        monkeypatch.setattr(images.docker, "build", self._docker)
        monkeypatch.setattr(images.hostapt, "install", lambda _: None)
        monkeypatch.setattr(images.Buildah, "possible", staticmethod(lambda: True))
        monkeypatch.setattr(images.Buildah, "opened", lambda _: self)

    def _docker(self, request: BuildRequest, archive: Path, _: Say) -> None:
        if request.component == self.fails:
            raise CommandFailed("docker build: exit code 1:\ncannot pull the base")
        self._write("docker", request, archive)

    def build(self, request: BuildRequest, archive: Path, _: Say) -> None:
        self._write("buildah", request, archive)

    def base_image(self, *_: object) -> str:
        return "base"

    def _write(self, by: str, request: BuildRequest, archive: Path) -> None:
        archive.write_bytes(b"image")
        self.built.append((by, request.component))


def test_docker_is_used_where_its_daemon_answers(
    tree: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders = _Builders(monkeypatch, answers=True)
    images.ensure(["runner", "gateway"], tree, cache, lambda _: None)
    assert builders.built == [("docker", "runner"), ("docker", "gateway")]


def test_buildah_goes_on_where_docker_cannot(
    tree: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders = _Builders(monkeypatch, answers=True, fails="gateway")
    said: list[str] = []
    built = images.ensure(["runner", "gateway", "operator"], tree, cache, said.append)
    assert builders.built == [("docker", "runner"), ("buildah", "gateway"), ("buildah", "operator")]
    assert "Docker cannot build here: cannot pull the base" in said
    assert all(image.archive.exists() for image in built.values())


def test_docker_that_was_asked_for_and_fails_is_an_error_that_leaves_nothing(
    tree: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Builders(monkeypatch, answers=True, fails="runner")
    with pytest.raises(CommandFailed):
        images.ensure(["runner"], tree, cache, lambda _: None, builder="docker")
    assert list(cache.archives.iterdir()) == []
