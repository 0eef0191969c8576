"""Images reach a registry as they were built, pushed by the real buildah."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from hosttools.errors import CommandFailed
from imagebuild.folders import Cache
from imagebuild.images import Image
from imagebuild.push import push
from support.registry import Registry


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A docker-archive of one small layer, as a build leaves it."""
    layer = tar({"hello": b"hello"})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    ref = "imagebatch/runner:dev-0123456789ab"
    manifest = [{"Config": "c.json", "RepoTags": [f"docker.io/{ref}"], "Layers": ["layer.tar"]}]
    archive = tmp_path / "runner.tar"
    archive.write_bytes(
        tar(
            {
                "layer.tar": layer,
                "c.json": json.dumps(config).encode(),
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
    )
    return Image("runner", ref, archive)


def test_an_image_is_pushed_below_the_registrys_path_under_its_own_tag(
    image: Image, tmp_path: Path
) -> None:
    cache, said = Cache(tmp_path / "cache"), []
    with Registry() as registry:
        where = f"{registry.address}/you/"
        found = push({"runner": image}, where, cache, said.append, builder="buildah", insecure=True)
        assert found == {"runner": f"{registry.address}/you/{image.ref}"}
        manifest = registry.manifests[f"you/{image.ref}"]
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    assert config["config"]["Entrypoint"] == ["/hello"]
    assert all(layer["digest"] in registry.blobs for layer in manifest["layers"])


def test_a_registry_without_tls_is_refused_unless_told(image: Image, tmp_path: Path) -> None:
    with Registry() as registry, pytest.raises(CommandFailed):
        push({"runner": image}, registry.address, Cache(tmp_path / "cache"), print,
             builder="buildah")  # fmt: skip
    assert registry.manifests == {}
