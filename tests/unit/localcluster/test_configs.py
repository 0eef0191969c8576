"""Rendered configuration of the node's programs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from localcluster import components, configs, dns, network
from localcluster.errors import BadName
from localcluster.instance import DNS_SERVICE_IP, Instance, instance
from localcluster.subnets import Link

ROOT = Path("/var/lib/test")
ADDRESS = "10.213.0.2"


@pytest.fixture
def own() -> Instance:
    return instance("dev", ROOT)


def test_containerd_never_lowers_oom_scores_and_uses_the_own_pause_image(own: Instance) -> None:
    cri = tomllib.loads(configs.containerd(own, snapshotter="native"))["plugins"][
        "io.containerd.grpc.v1.cri"
    ]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["sandbox_image"] == configs.PAUSE_IMAGE
    assert cri["containerd"]["snapshotter"] == "native"


def test_the_kubelet_answers_nobody_anonymous(own: Instance) -> None:
    settings = json.loads(configs.kubelet(own, address=ADDRESS, cgroup_v1=True))
    assert settings["authentication"]["anonymous"] == {"enabled": False}
    assert settings["authorization"]["mode"] == "Webhook"


@pytest.mark.parametrize("version_1", [True, False])
def test_the_kubelet_is_told_to_accept_cgroup_v1_only_there(own: Instance, version_1: bool) -> None:
    settings = json.loads(configs.kubelet(own, address=ADDRESS, cgroup_v1=version_1))
    assert ("failCgroupV1" in settings) is version_1


def test_loaded_images_are_never_collected(own: Instance) -> None:
    settings = json.loads(configs.kubelet(own, address=ADDRESS, cgroup_v1=False))
    assert settings["imageGCHighThresholdPercent"] == 100
    assert settings["evictionHard"]["imagefs.available"] == "0%"


def test_pods_ask_the_cluster_dns_service(own: Instance) -> None:
    settings = json.loads(configs.kubelet(own, address=ADDRESS, cgroup_v1=False))
    items = json.loads(dns.manifests(ADDRESS))["items"]
    service = next(item for item in items if item["kind"] == "Service")
    assert settings["clusterDNS"] == [DNS_SERVICE_IP] == [service["spec"]["clusterIP"]]


def test_kube_proxy_writes_no_setting_of_the_kernel(own: Instance) -> None:
    settings = json.loads(configs.proxy(own, address=ADDRESS))
    assert settings["conntrack"]["maxPerCore"] == 0
    assert settings["iptables"]["localhostNodePorts"] is False


def test_names_under_invalid_are_answered_without_a_resolver() -> None:
    text = dns.corefile(kubeconfig=Path("k"), address=ADDRESS, resolvers=["192.0.2.53"])
    block = text[: text.index("\n}\n")]
    assert block.startswith("invalid.:53")
    assert "NXDOMAIN" in block
    assert "forward" not in block


def test_resolvers_on_the_hosts_loopback_are_reached_through_slirp_alone() -> None:
    text = "nameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver ::1\nsearch example.org\n"
    assert dns.upstreams(text) == [dns.SLIRP_RESOLVER, "192.0.2.53"]


def test_pods_cannot_open_connections_to_the_host() -> None:
    link = Link("10.213.0.0/30", "10.213.0.1", ADDRESS)
    (rule,) = [r for r in network.rules(link) if "REJECT" in r]
    assert rule[rule.index("-d") + 1] == link.host


def test_the_api_server_authorizes_by_node_and_role_and_knows_no_anonymous_caller() -> None:
    arguments = components.api_server(
        "kube-apiserver", Path("/s/pki"), etcd_port=1, bind="b", advertise="a", port=2
    )
    assert "--authorization-mode=Node,RBAC" in arguments
    rules = json.loads(components.ANONYMOUS_HEALTH)["anonymous"]
    paths = {condition["path"] for condition in rules["conditions"]}
    assert paths == {"/livez", "/readyz", "/healthz"}


def test_a_component_waits_only_for_components_that_exist(own: Instance) -> None:
    plan = components.plan(own, Path("/programs"), address=ADDRESS)
    names = {component.name for component in plan}
    assert all(set(component.after) <= names for component in plan)


def test_components_survive_the_way_through_the_plan_file(own: Instance) -> None:
    for component in components.plan(own, Path("/programs"), address=ADDRESS):
        raw = json.loads(json.dumps(component.as_json()))
        assert components.Component.from_json(raw) == component


@pytest.mark.parametrize("name", ["", "Dev", "a b", "../x", "-a", "a" * 21, "1a"])
def test_a_name_that_cannot_be_a_node_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        instance(name, ROOT)


def test_a_state_folder_too_long_for_sockets_is_refused_with_advice() -> None:
    with pytest.raises(BadName, match="IMAGEBATCH_STATE"):
        instance("dev", Path("/" + "x" * 80))


def test_host_interfaces_fit_the_kernels_limit_and_differ_between_instances() -> None:
    names = {instance(name, ROOT).host_link for name in ("dev", "test", "other")}
    assert len(names) == 3
    assert all(len(name) <= 15 for name in names)
