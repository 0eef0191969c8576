from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from stack.cluster import Ports
from stack.current import CurrentCluster
from stack.errors import StackFailed
from stack.release import merged, storage_keys


def secret(**data: str) -> str:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return json.dumps({"data": encoded})


def test_the_stores_key_pair_is_made_once_and_read_from_the_cluster_afterwards() -> None:
    made = storage_keys(lambda *_: "", "shop")
    again = secret(AWS_ACCESS_KEY_ID=made.access, AWS_SECRET_ACCESS_KEY=made.secret)
    assert storage_keys(lambda *_: again, "shop") == made
    assert storage_keys(lambda *_: "", "shop") != made


def test_a_cluster_that_does_not_answer_is_no_reason_for_a_new_key_pair() -> None:
    def unreachable(*_: str) -> str:
        raise StackFailed("connection refused")

    with pytest.raises(StackFailed):
        storage_keys(unreachable, "shop")


def test_values_are_merged_as_helm_merges_files() -> None:
    first = {"egress": {"allow": ["a", "b"]}, "gateway": {"externalUrl": "u"}}
    second = {"egress": {"allow": ["c"]}, "gateway": {"service": {"type": "ClusterIP"}}}
    assert merged([first, second]) == {
        "egress": {"allow": ["c"]},
        "gateway": {"externalUrl": "u", "service": {"type": "ClusterIP"}},
    }


def test_the_current_context_is_not_touched_before_it_is_said_how_images_get_there(
    tmp_path: Path,
) -> None:
    env = {"PATH": os.environ["PATH"], "KUBECONFIG": str(tmp_path / "none")}
    cluster = CurrentCluster(tmp_path / "local" / "kubeconfig", "imagebatch", env)
    with pytest.raises(StackFailed, match="IMAGE_REGISTRY"):
        cluster.up(Ports(1, 2))
    assert not (tmp_path / "local").exists()


def test_taking_down_what_was_never_installed_needs_no_cluster(tmp_path: Path) -> None:
    CurrentCluster(tmp_path / "kubeconfig", "imagebatch", {}).down()
