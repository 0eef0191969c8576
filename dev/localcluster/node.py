"""Start an instance: certificates, configuration, namespaces, components."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hosttools.command import run, succeeds
from hosttools.errors import CommandFailed, HostError, MissingTool
from hosttools.filelock import held
from hosttools.progress import Steps
from localcluster import (  # fmt: skip
    build,
    cgroups,
    components,
    configs,
    dns,
    images,
    mounts,
    network,
    packages,
    pki,
    policies,
    state,
    stop,
    subnets,
)
from localcluster.errors import NotReady, NotRunning
from localcluster.instance import API_PORT, API_SERVICE_IP, Instance

_START_SECONDS = 180.0
_READY_SECONDS = 120.0
# On a busy machine a healthy cluster may take a while to respond.
_REUSE_SECONDS = 30.0


def up(instance: Instance, kubeconfig: Path | None = None, *, enforce: bool = False) -> None:
    """Start the instance, unless it runs and is healthy. A broken instance is replaced.

    ``kubeconfig`` is a file to write the administrator's kubeconfig to. With ``enforce`` the
    instance enforces NetworkPolicies; raises MissingTool if the machine cannot.
    """
    if os.geteuid() != 0:
        raise MissingTool("the local cluster needs root: it makes network and mount namespaces")
    steps = Steps()
    packages.install()
    if enforce and (reason := policies.refusal()):
        raise MissingTool(reason)
    programs = build.ensure()
    firewall = policies.KUBE_ROUTER.ensure() if enforce else None
    with held(instance.lock, f"another command on instance {instance.name}"):
        if healthy(instance):
            if enforce and policies.COMPONENT not in state.components(instance):
                raise HostError(
                    f"instance {instance.name} runs without enforcing NetworkPolicies; take it "
                    "down first"
                )
            steps(f"instance {instance.name} runs already")
        else:
            if stop.remove(instance):
                steps("removed what was left of an earlier start")
            _start(instance, programs, firewall, steps)
        if kubeconfig:
            copy_kubeconfig(instance, kubeconfig)


def down(instance: Instance) -> bool:
    """Remove the instance; return False if there was none."""
    with held(instance.lock, f"another command on instance {instance.name}"):
        return stop.remove(instance)


def healthy(instance: Instance) -> bool:
    """Return whether ``up`` of the instance has finished and its node is ready now."""
    if not state.supervisors(instance) or not instance.finished_file.exists():
        return False
    return state.wait_for(lambda: _node_ready(instance), _REUSE_SECONDS)


def kubectl(instance: Instance, *arguments: str) -> list[str]:
    """Return a kubectl command line for this instance."""
    program = str(build.ensure() / "kubectl")
    return [program, f"--kubeconfig={instance.admin_kubeconfig}", *arguments]


def copy_kubeconfig(instance: Instance, target: Path) -> None:
    target = target.absolute()
    pki.write_private(target, instance.admin_kubeconfig.read_text())
    note = instance.state / "kubeconfigs"
    known = note.read_text().splitlines() if note.exists() else []
    if str(target) not in known:
        note.write_text("\n".join([*known, str(target)]) + "\n")


def restart(instance: Instance, component: str, signal_name: str = "TERM") -> None:
    """Send a component a signal; return when the supervisor has restarted it and it is ready."""
    before = state.components(instance).get(component)
    if before is None or not before.pid:
        known = ", ".join(sorted(state.components(instance))) or "nothing"
        raise NotRunning(f"{component} does not run in instance {instance.name}; {known} does")
    kill(instance, component, signal_name)

    def back() -> bool:
        now = state.components(instance).get(component)
        return now is not None and now.restarts > before.restarts and now.ready

    if not state.wait_for(back, _READY_SECONDS):
        raise NotReady(f"{component} did not come back; see {instance.logs}/{component}.log")


def kill(instance: Instance, component: str, signal_name: str = "KILL") -> None:
    """Send a signal to a component, by its pid inside the instance."""
    entry = state.components(instance).get(component)
    pids = state.supervisors(instance)
    if entry is None or not entry.pid or not pids:
        raise NotRunning(f"{component} does not run in instance {instance.name}")
    inside = ["nsenter", f"--target={pids[-1]}", "--pid"]
    run([*inside, "kill", "-s", signal_name.removeprefix("SIG"), str(entry.pid)])


def _start(instance: Instance, programs: Path, firewall: Path | None, steps: Steps) -> None:
    """Start the instance; ``firewall`` is the folder of kube-router, if policies are enforced."""
    link = subnets.free_link(instance.name, subnets.used_networks())
    instance.state.mkdir(parents=True, mode=0o711)
    for folder in (instance.logs, instance.conf, instance.forwards):
        folder.mkdir()
    _credentials(instance, link)
    steps("certificates made")
    _write_configs(instance, link)
    cgroups.create(instance.cgroup)
    plan = components.plan(instance, programs, address=link.node)
    if firewall:
        plan.append(policies.component(instance, firewall))
    state.write_json(
        instance.plan_file,
        {"link": link.__dict__, "components": [one.as_json() for one in plan]},
    )
    supervisor = _launch(instance)
    network.connect(instance.host_link, link, supervisor)
    steps(f"namespaces made, node at {link.node}")
    _wait(instance, "containerd", steps)
    _load_pause(instance, programs)
    _wait(instance, "kube-apiserver", steps)
    run(kubectl(instance, "apply", "--server-side", "-f", "-"), stdin=dns.manifests(link.node))
    if firewall:
        run(kubectl(instance, "apply", "--server-side", "-f", "-"), stdin=policies.manifests())
    for component in plan:
        if component.required and component.name not in ("containerd", "kube-apiserver"):
            _wait(instance, component.name, steps)
    if not state.wait_for(lambda: _node_ready(instance), _READY_SECONDS):
        raise NotReady(f"the node did not get ready; see {instance.logs}/kubelet.log")
    if not state.wait_for(lambda: _default_account(instance), _READY_SECONDS):
        log = instance.logs / "kube-controller-manager.log"
        raise NotReady(f"the default service account did not appear; see {log}")
    instance.finished_file.touch()
    steps("node ready")
    slirp = state.components(instance).get("slirp4netns")
    if slirp is None or not slirp.ready:
        log = instance.logs / "slirp4netns.log"
        steps(f"pods have no way out to other networks (see {log}); the cluster works without")


def _credentials(instance: Instance, link: subnets.Link) -> None:
    authority = pki.Authority(instance.pki)
    authority.create()
    api = pki.api_server(link.node, API_SERVICE_IP, "127.0.0.1")
    kubelet = pki.kubelet(instance.node, link.node)
    clients = (pki.ADMIN, pki.CONTROLLER_MANAGER, pki.SCHEDULER, pki.PROXY, pki.DNS,
               pki.KUBE_ROUTER, kubelet)  # fmt: skip
    for leaf in (api, pki.KUBELET_CLIENT, pki.AGGREGATOR, *clients):
        authority.issue(leaf)
    authority.signing_key("service-accounts")
    for leaf in clients:
        text = authority.kubeconfig(leaf, f"https://{link.node}:{API_PORT}", instance.node)
        pki.write_private(instance.conf / f"{leaf.file}.kubeconfig", text)


def _write_configs(instance: Instance, link: subnets.Link) -> None:
    conf = instance.conf
    host_resolvers = mounts.RESOLV_CONF.read_text() if mounts.RESOLV_CONF.exists() else ""
    resolvers = dns.upstreams(host_resolvers)
    snapshotter = mounts.snapshotter(instance)
    configs.write_all(
        {
            conf / "containerd.toml": configs.containerd(instance, snapshotter=snapshotter),
            conf / "cni" / "10-pods.conflist": configs.cni(),
            conf / "kubelet.json": configs.kubelet(
                instance,
                address=link.node,
                cgroup_v1=cgroups.is_v1(),
                storage_figures=snapshotter == "overlayfs",
            ),
            conf / "proxy.json": configs.proxy(instance, address=link.node),
            conf / "authentication.json": components.ANONYMOUS_HEALTH,
            conf / "resolv.conf": "".join(f"nameserver {one}\n" for one in resolvers),
            conf / "Corefile": dns.corefile(
                kubeconfig=conf / "dns.kubeconfig", address=link.node, resolvers=resolvers
            ),
        }
    )


def _launch(instance: Instance) -> int:
    """Start the supervisor in new namespaces; return its pid on the host."""
    words = ["-m", "localcluster.supervisor", instance.name, str(instance.root)]
    package_folder = str(Path(__file__).resolve().parent.parent)
    with (instance.logs / "supervisor.log").open("ab") as out:
        launcher = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": package_folder, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            start_new_session=True,
        )
    if launcher.wait() != 0:
        words_of_log = (instance.logs / "supervisor.log").read_text()[-2000:]
        raise CommandFailed(f"cannot make namespaces on this machine: {words_of_log}")
    found = state.supervisors(instance)
    if not found:
        raise NotReady(f"the supervisor ended at once; see {instance.logs}/supervisor.log")
    return found[-1]


def _wait(instance: Instance, name: str, steps: Steps) -> None:
    def settled() -> bool:
        entry = state.components(instance).get(name)
        return bool(entry and entry.ready) or not state.supervisors(instance)

    if not state.wait_for(settled, _START_SECONDS):
        raise NotReady(f"{name} did not get ready; see {instance.logs}/{name}.log")
    if not state.supervisors(instance):
        words = (instance.logs / "supervisor.log").read_text()[-2000:]
        raise NotReady(f"the supervisor ended: {words}")
    steps(f"{name} ready")


def _load_pause(instance: Instance, programs: Path) -> None:
    program = (programs / build.PAUSE).read_bytes()
    archive = instance.state / "pause.tar"
    archive.write_bytes(images.pause_archive(program, configs.PAUSE_IMAGE))
    images.load(instance, archive)


def _node_ready(instance: Instance) -> bool:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    command = kubectl(instance, "get", "node", instance.node, "-o", path, "--request-timeout=5s")
    try:
        return run(command).strip() == "True"
    except CommandFailed:
        return False


def _default_account(instance: Instance) -> bool:
    return succeeds(kubectl(instance, "get", "serviceaccount", "default", "-o", "name"))
