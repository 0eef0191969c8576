"""What `make down` removes from the user's own cluster: what is ours and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stack.cluster import Ports
from stack.current import MARK, CurrentCluster
from stack.errors import StackFailed
from stack.places import helm_environment

CRD = "imagebatches.imagebatch.dev"
NOTE = {"context": "theirs", "server": "https://one.example:6443"}
PRESENT = {"IMAGES_PRESENT": "1"}


class Cluster(CurrentCluster):
    """Answers kubectl and helm from what is there, and keeps what it was told to remove."""

    namespaces: dict[str, dict[str, str]]  # labels by name
    crd_of: str | None  # the release's namespace
    batches: list[str]
    removed: list[str]
    server = "https://one.example:6443"

    def _users_kubectl(self, *arguments: str) -> str:
        return self.kubectl(*arguments)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        match arguments:
            case ("config", "current-context"):
                return "theirs\n"
            case ("config", "view", "--minify", "-o", _):
                return self.server
            case ("get", "namespace", name, *_) if name in self.namespaces:
                return json.dumps({"metadata": {"labels": self.namespaces[name]}})
            case ("get", "crd", *_) if self.crd_of is not None:
                notes = {"meta.helm.sh/release-namespace": self.crd_of}
                return json.dumps({"metadata": {"annotations": notes}})
            case ("get", kind, "--all-namespaces", *_) if kind == CRD:
                return "\n".join(self.batches)
            case ("delete", kind, name, *_):
                self.removed.append(f"{kind}/{name}")
        return ""

    def _helm(self, *arguments: str) -> None:
        self.removed.append(f"release/{arguments[1]}")


def installed(folder: Path, **there: Any) -> Cluster:
    ours = {"namespaces": {"imagebatch": {MARK: "make-up"}}, "crd_of": "imagebatch", "batches": []}
    kind = type("There", (Cluster,), {**ours, **there, "removed": []})
    cluster: Cluster = kind(folder / "kubeconfig", "imagebatch", PRESENT)
    cluster.kubeconfig.write_text("{}")
    (folder / "current.json").write_text(json.dumps(NOTE))
    return cluster


def test_what_make_up_made_is_removed(tmp_path: Path) -> None:
    cluster = installed(tmp_path)
    cluster.down()
    assert cluster.removed == ["release/imagebatch", "namespace/imagebatch", f"crd/{CRD}"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("labels", [{}, {"team": "shop"}])
def test_a_namespace_that_somebody_else_made_keeps_its_release_and_its_crd(
    tmp_path: Path, labels: dict[str, str]
) -> None:
    cluster = installed(tmp_path, namespaces={"imagebatch": labels})
    cluster.down()
    assert cluster.removed == []


@pytest.mark.parametrize("there", [{"crd_of": "shop"}, {"crd_of": None}, {"batches": ["ib/one"]}])
def test_a_crd_that_others_brought_or_use_stays(tmp_path: Path, there: dict[str, Any]) -> None:
    cluster = installed(tmp_path, **there)
    cluster.down()
    assert cluster.removed == ["release/imagebatch", "namespace/imagebatch"]


def test_a_cluster_that_does_not_answer_is_remembered(tmp_path: Path) -> None:
    class Silent(Cluster):
        def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
            raise StackFailed("connection refused")

    silent = Silent(tmp_path / "kubeconfig", "imagebatch", {})
    (tmp_path / "current.json").write_text(json.dumps(NOTE))
    with pytest.raises(StackFailed, match="context theirs does not answer"):
        silent.down()
    assert silent.noted() == "theirs"


def test_helm_speaks_to_the_noted_cluster_whatever_the_users_environment_says(
    tmp_path: Path,
) -> None:
    theirs = {
        "HELM_KUBEAPISERVER": "https://production.example",
        "HELM_KUBETOKEN": "token",
        "HELM_KUBECONTEXT": "production",
        "HELM_DRIVER": "configmap",
        "KUBECONFIG": "/elsewhere",
        "PATH": "/bin",
    }
    kubeconfig = tmp_path / "kubeconfig"
    assert helm_environment(kubeconfig, theirs) == {"PATH": "/bin", "KUBECONFIG": str(kubeconfig)}


def test_another_cluster_whose_context_has_the_same_name_is_not_taken_for_the_noted_one(
    tmp_path: Path,
) -> None:
    installed(tmp_path).up(Ports(1, 2))
    other = installed(tmp_path, server="https://two.example:6443")
    with pytest.raises(StackFailed, match=r"of https://one\.example:6443 has an"):
        other.up(Ports(1, 2))
    assert other.kubeconfig.read_text() == "{}", "what make down needs is still there"
