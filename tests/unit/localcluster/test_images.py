"""Image archives that are made, and names that are read from archives."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from localcluster import images
from localcluster.errors import BadArchive

NAME = "localhost/tests/pause:1"


def members(archive: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            handle = tar.extractfile(member)
            found[member.name] = handle.read() if handle else b""
    return found


def test_every_blob_is_named_by_its_hash() -> None:
    blobs = {
        name: content
        for name, content in members(images.pause_archive(b"elf", NAME)).items()
        if name.startswith("blobs/")
    }
    assert len(blobs) == 3
    for name, content in blobs.items():
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_index_leads_to_a_layer_that_holds_the_program() -> None:
    files = members(images.pause_archive(b"elf", NAME))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(files["blobs/sha256/" + entry["digest"][7:]])
    layer = files["blobs/sha256/" + manifest["layers"][0]["digest"][7:]]
    config = json.loads(files["blobs/sha256/" + manifest["config"]["digest"][7:]])
    assert members(layer) == {"pause": b"elf"}
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]


def test_the_same_program_gives_the_same_archive() -> None:
    assert images.pause_archive(b"elf", NAME) == images.pause_archive(b"elf", NAME)


def test_the_name_of_an_oci_archive_is_found(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(images.pause_archive(b"elf", NAME))
    assert images.names_in(archive) == [NAME]


def test_the_names_of_a_docker_archive_are_found(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    content = json.dumps([{"Config": "c.json", "RepoTags": ["runner:dev"], "Layers": []}]).encode()
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    assert images.names_in(archive) == ["docker.io/library/runner:dev"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10240])
def test_a_file_that_is_no_image_archive_is_refused_by_its_name(
    tmp_path: Path, content: bytes
) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(content)
    with pytest.raises(BadArchive, match=r"a\.tar"):
        images.names_in(archive)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("runner", "docker.io/library/runner:latest"),
        ("runner:dev", "docker.io/library/runner:dev"),
        ("imagebatch/runner:dev", "docker.io/imagebatch/runner:dev"),
        ("localhost/imagebatch/runner:dev", "localhost/imagebatch/runner:dev"),
        ("localhost:5000/runner", "localhost:5000/runner:latest"),
        ("registry.example/runner:1", "registry.example/runner:1"),
    ],
)
def test_names_are_spelled_out_as_the_kubelet_does(short: str, full: str) -> None:
    assert images.full_name(short) == full
