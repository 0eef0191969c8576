"""Make the pause image without Docker, and load image archives into containerd."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hosttools.command import run
from localcluster.errors import BadArchive, NotRunning
from localcluster.instance import Instance

_OCI = "application/vnd.oci.image"
_NAME_ANNOTATION = "org.opencontainers.image.ref.name"
_FULL_NAME_ANNOTATION = "io.containerd.image.name"
_IMPORT_SECONDS = 600.0


def _tar(files: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Return a tar of files (path, content, mode); the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def oci_archive(name: str, files: Iterable[tuple[str, bytes, int]], entrypoint: list[str]) -> bytes:
    """Return an OCI archive of an image with one layer of ``files`` (path, content, mode)."""
    layer = _tar(files)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": {
                "mediaType": f"{_OCI}.config.v1+json",
                "digest": _digest(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": f"{_OCI}.layer.v1.tar",
                    "digest": _digest(layer),
                    "size": len(layer),
                }
            ],
        }
    ).encode()
    index = json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": f"{_OCI}.manifest.v1+json",
                    "digest": _digest(manifest),
                    "size": len(manifest),
                    "annotations": {_FULL_NAME_ANNOTATION: name, _NAME_ANNOTATION: name},
                }
            ],
        }
    ).encode()
    blobs = [(f"blobs/sha256/{_digest(b)[7:]}", b, 0o644) for b in (layer, config, manifest)]
    layout = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()
    return _tar([("oci-layout", layout, 0o644), ("index.json", index, 0o644), *blobs])


def pause_archive(program: bytes, name: str) -> bytes:
    return oci_archive(name, [("pause", program, 0o755)], ["/pause"])


def full_name(name: str) -> str:
    """Return the full image name that the kubelet uses, with registry, path and tag."""
    path, _, tag = name.rpartition(":") if ":" in name.rsplit("/", 1)[-1] else (name, "", "")
    first = path.split("/", 1)[0]
    if "/" not in path:
        path = f"docker.io/library/{path}"
    elif "." not in first and ":" not in first and first != "localhost":
        path = f"docker.io/{path}"
    return f"{path}:{tag or 'latest'}"


def names_in(archive: Path) -> list[str]:
    """Return the full names of the images in a docker-archive or oci-archive. Raises BadArchive."""
    try:
        with tarfile.open(archive) as tar:
            members = {member.name.removeprefix("./"): member for member in tar.getmembers()}

            def read(name: str) -> Any:
                handle = tar.extractfile(members[name])
                return json.load(handle) if handle else {}

            if "manifest.json" in members:
                manifests = read("manifest.json")
                tags = [tag for image in manifests for tag in image.get("RepoTags") or []]
            elif "index.json" in members:
                index = read("index.json")
                notes = [entry.get("annotations", {}) for entry in index["manifests"]]
                tags = [n.get(_FULL_NAME_ANNOTATION) or n.get(_NAME_ANNOTATION, "") for n in notes]
            else:
                raise BadArchive(f"{archive}: neither a docker-archive nor an oci-archive")
    except (OSError, tarfile.TarError, ValueError, LookupError, AttributeError) as error:
        raise BadArchive(f"{archive}: cannot be read as an image archive: {error}") from error
    named = [full_name(tag) for tag in tags if tag]
    if not named:
        raise BadArchive(
            f"{archive}: its images have no name; write it as oci-archive:FILE:NAME:TAG"
        )
    return named


def _ctr(instance: Instance, *arguments: str) -> list[str]:
    socket = str(instance.containerd_socket)
    return ["ctr", "--address", socket, "--namespace", "k8s.io", "images", *arguments]


def load(instance: Instance, archive: Path) -> list[str]:
    """Import an archive into containerd; return the full names of its images."""
    wanted = names_in(archive)
    if not instance.containerd_socket.exists():
        raise NotRunning(f"instance {instance.name} does not run")
    before = set(_listed(instance))
    run(_ctr(instance, "import", str(archive)), timeout=_IMPORT_SECONDS)
    present = set(_listed(instance))
    for name in wanted:
        if name in present:
            continue
        # containerd does not complete a short name in an OCI index, so the kubelet would not find
        # it.
        source = next((one for one in present - before if _same(one, name)), None)
        if source is None:
            raise BadArchive(f"{archive}: {name} is not there after the import")
        run(_ctr(instance, "tag", source, name))
    return wanted


def _same(imported: str, name: str) -> bool:
    tag = name.rpartition(":")[2]
    return full_name(imported) == name or imported.endswith(f":{tag}")


def _listed(instance: Instance) -> list[str]:
    return run(_ctr(instance, "list", "--quiet")).split()
