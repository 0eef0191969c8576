"""The configuration files of the node's programs, as text."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster.instance import DNS_SERVICE_IP, POD_CIDR, Instance
from localcluster.packages import CNI_FOLDER

PAUSE_IMAGE = "localhost/imagebatch-local/pause:1"
MAX_PODS = 250


def containerd(instance: Instance, *, snapshotter: str) -> str:
    """Return containerd's configuration, with its own root, state and socket.

    Without ``restrict_oom_score_adj`` every sandbox fails on machines without CAP_SYS_RESOURCE,
    such as small VMs and containers.
    """
    return f"""\
version = 2
root = "{instance.state}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{instance.containerd_socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_FOLDER}"
    conf_dir = "{instance.conf}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def cni() -> str:
    """Return the CNI configuration. The plugin ``ptp`` routes pods, so Services need no
    br_netfilter."""
    return json.dumps(
        {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "mtu": 1500,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni-addresses",
                        "ranges": [[{"subnet": POD_CIDR}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        },
        indent=1,
    )


def kubelet(
    instance: Instance, *, address: str, cgroup_v1: bool, storage_figures: bool = True
) -> str:
    """Return the kubelet's configuration, without eviction on a full disk and without image garbage
    collection.

    ``storage_figures`` must be false on a file system that the kubelet cannot measure. Pods that
    request ephemeral storage are then never scheduled.
    """
    settings: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{instance.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{instance.pki}/kubelet.crt",
        "tlsPrivateKeyFile": f"{instance.pki}/kubelet.key",
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_SERVICE_IP],
        "resolvConf": f"{instance.conf}/resolv.conf",
        "containerRuntimeEndpoint": f"unix://{instance.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{instance.cgroup}",
        "cgroupsPerQOS": True,
        "failSwapOn": False,
        "localStorageCapacityIsolation": storage_figures,
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        # Loaded images cannot be pulled again, so none may be removed.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": MAX_PODS,
        "oomScoreAdj": 0,
        "protectKernelDefaults": True,
        "serializeImagePulls": False,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }
    if cgroup_v1:
        settings["failCgroupV1"] = False
    return json.dumps(settings, indent=1)


def proxy(instance: Instance, *, address: str) -> str:
    """Return kube-proxy's configuration: iptables mode, without changes of sysctls."""
    settings: dict[str, object] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": f"{instance.conf}/proxy.kubeconfig"},
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": instance.node,
        "bindAddress": address,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0,
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "100ms", "syncPeriod": "30s"},
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return json.dumps(settings, indent=1)


def write_all(files: dict[Path, str]) -> None:
    """Write each file, and create its folder if needed."""
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
