"""kind's command lines: kind itself runs only where Docker is."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster import kind
from localcluster.choose import NODE_IMAGE

KUBECONFIG = Path("/state/kubeconfig")


def test_every_command_that_takes_a_kubeconfig_names_its_own() -> None:
    for build in (kind.create_command, kind.delete_command, kind.export_command):
        assert f"--kubeconfig={KUBECONFIG}" in build("kind", "dev", KUBECONFIG)


def test_the_cluster_is_named_after_the_project_and_the_instance() -> None:
    assert "--name=imagebatch-dev" in kind.create_command("kind", "dev", KUBECONFIG)
    assert "--name=imagebatch-dev" in kind.load_command("kind", "dev", Path("a.tar"))


def test_the_node_image_is_pinned_by_digest() -> None:
    assert "@sha256:" in NODE_IMAGE
    assert f"--image={NODE_IMAGE}" in kind.create_command("kind", "dev", KUBECONFIG)


def test_archives_are_loaded_as_archives() -> None:
    command = kind.load_command("kind", "dev", Path("a.tar"))
    assert command[1:4] == ["load", "image-archive", "a.tar"]


def test_node_ports_are_mapped_on_loopback_alone() -> None:
    (node,) = json.loads(kind.config([(8080, 30080)]))["nodes"]
    assert node["extraPortMappings"] == [
        {
            "hostPort": 8080,
            "containerPort": 30080,
            "listenAddress": "127.0.0.1",
            "protocol": "TCP",
        }
    ]
