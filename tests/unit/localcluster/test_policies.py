"""What enforces NetworkPolicies on the node, and where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcluster import components, network, pki, policies
from localcluster.instance import SERVICE_CIDR, Instance, instance
from localcluster.subnets import Link

LINK = Link("10.213.0.0/30", "10.213.0.1", "10.213.0.2")


@pytest.fixture
def own() -> Instance:
    return instance("dev", Path("/var/lib/test"))


def test_kube_router_starts_after_what_it_needs_and_knows_the_services_range(own: Instance) -> None:
    component = policies.component(own, Path("/programs"))
    plan = components.plan(own, Path("/programs"), address=LINK.node)
    assert set(component.after) <= {one.name for one in plan}
    assert component.arguments[0] == "/programs/kube-router"
    assert f"--service-cluster-ip-range={SERVICE_CIDR}" in component.arguments
    assert f"--hostname-override={own.node}" in component.arguments
    assert {"--run-router=false", "--run-service-proxy=false"} <= set(component.arguments)
    assert f"--kubeconfig={own.conf}/{pki.KUBE_ROUTER.file}.kubeconfig" in component.arguments


def test_it_is_bound_to_rights_to_read_alone() -> None:
    role, binding = json.loads(policies.manifests())["items"]
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert binding["subjects"][0]["name"] == pki.KUBE_ROUTER.user
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_pods_cannot_reach_the_host_past_what_policies_accept() -> None:
    rejecting = [rule for rule in network.rules(LINK, policies.FORWARD_CHAIN) if "REJECT" in rule]
    assert [rule[:2] for rule in rejecting] == [["-A", "FORWARD"], ["-A", policies.FORWARD_CHAIN]]
    assert {rule[rule.index("-d") + 1] for rule in rejecting} == {LINK.host}
    assert not [rule for rule in network.rules(LINK) if policies.FORWARD_CHAIN in rule]


def test_a_machine_without_ipset_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\necho 'Kernel error received: Invalid argument' >&2\nexit 1\n")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    reason = policies.refusal()
    assert reason is not None
    assert "kube-router needs ipset" in reason
    assert "Kernel error received" in reason


def test_a_machine_with_ipset_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unshare = tmp_path / "unshare"
    unshare.write_text('#!/bin/sh\ntest "$2" = ipset\n')
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert policies.refusal() is None


def test_the_modules_of_both_programs_agree_so_that_a_second_build_is_short() -> None:
    """kube-router's own versions would compile all of client-go a second time."""
    kube, kube_router = (
        dict(line.split()[:2] for line in path.read_text().splitlines()
             if line.startswith("\t") and "=>" not in line)
        for path in (policies.KUBE_ROUTER.sources.parent / "kube/go.mod",
                     policies.KUBE_ROUTER.sources / "go.mod")
    )  # fmt: skip
    shared = {"k8s.io/client-go", "k8s.io/api", "k8s.io/apimachinery", "google.golang.org/protobuf"}
    assert shared <= set(kube) & set(kube_router)
    assert {name: kube_router[name] for name in shared} == {name: kube[name] for name in shared}
