"""What the chart makes: permissions, security, and settings that the components accept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings, Range
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.environment import PREFIX, EnvironmentSettings, variable
from imagebatch_core.runner_pods import Toleration
from imagebatch_gateway.settings import Settings as GatewaySettings
from imagebatch_operator.cluster.served_schema import PATIENCE
from imagebatch_operator.policies.runner_overrides import NO_OVERRIDES, Overrides
from imagebatch_operator.settings import Settings as OperatorSettings
from imagebatch_runner.fetch.s3_urls import S3AllowList, S3Object
from imagebatch_runner.settings import Settings as RunnerSettings

from .conftest import CHART, NAMESPACE, ROOT, HelmFailed, Rendered, templates

Render = Callable[..., Rendered]
#: Settings of the runner that the chart derives from other values, or Kubernetes fixes.
_NOT_BY_HAND = {
    "store", "public_base_url", "fetch_allow", "fetch_deny", "fetch_nat64", "fetch_s3_allow",
    "fetch_credentials_file", "termination_log",
}  # fmt: skip


def test_the_crd_is_the_generated_one_and_outlives_the_release(render: Render) -> None:
    (crd,) = render().all("CustomResourceDefinition")
    generated = yaml.safe_load((ROOT / "deploy" / "crds" / "imagebatches.yaml").read_text())
    assert crd["spec"] == generated["spec"]
    assert crd["metadata"]["name"] == generated["metadata"]["name"]
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crd_may_go_with_the_release_or_be_left_out(render: Render) -> None:
    (crd,) = render(crds={"keep": False}).all("CustomResourceDefinition")
    assert "annotations" not in crd["metadata"]
    assert render(crds={"install": False}).all("CustomResourceDefinition") == []


def test_who_may_edit_a_namespace_may_make_its_batches_and_nobody_their_status(
    render: Render,
) -> None:
    chart = render(namespaces=["shop"])
    aggregated = {
        label.rpartition("-")[2]: role["rules"]
        for role in chart.all("ClusterRole")
        for label in role["metadata"]["labels"]
        if label.startswith("rbac.authorization.k8s.io/aggregate-to-")
    }
    assert set(aggregated) == {"view", "edit", "admin"}
    for name, (rule, *more) in aggregated.items():
        assert rule["resources"] == ["imagebatches"]
        assert ("create" in rule["verbs"]) is (name != "view")
        # What the owner of a namespace passes on with the tenants' chart.
        passed_on = [] if name == "view" else [(["workloads"], ["list"])]
        assert [(one["resources"], one["verbs"]) for one in more] == passed_on
    for crds in ({"aggregateRoles": False}, {"install": False}):
        assert render(namespaces=["shop"], crds=crds).all("ClusterRole") == []


def _operators(chart: Rendered) -> list[dict[str, Any]]:
    roles = chart.all("ClusterRole")
    return [role for role in roles if role["metadata"]["name"].startswith("imagebatch-operator-")]


def test_without_a_list_a_cluster_role_sees_batches_and_roles_do_the_rest(render: Render) -> None:
    chart = render(runner={"namespaces": ["shop"]}, s3={"sharedCredentials": True})
    (role,) = _operators(chart)
    assert [(rule["resources"], rule["verbs"]) for rule in role["rules"]] == [
        (["imagebatches"], ["get", "list", "watch"]),
        (["imagebatches/status"], ["patch"]),
    ]
    assert len(chart.all("ClusterRoleBinding")) == 1
    for namespace in (NAMESPACE, "shop"):
        chart.one("Role", "imagebatch-operator", namespace)
        chart.one("RoleBinding", "imagebatch-operator", namespace)
    assert "IMAGEBATCH_NAMESPACES" not in chart.env("imagebatch-operator")


def test_the_chart_can_do_without_objects_of_the_cluster(render: Render) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    section = page.partition("without rights to objects of the cluster")[2]
    values = yaml.safe_load(section.partition("```yaml")[2].partition("```")[0])
    objects = render(**{**values, "namespaces": [NAMESPACE]}).objects
    assert {one["kind"] for one in objects if "namespace" not in one["metadata"]} == set()
    assert {one["metadata"]["namespace"] for one in objects} == {NAMESPACE}


def test_the_admission_policy_can_be_switched_off(render: Render) -> None:
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    assert [len(render().all(kind)) for kind in kinds] == [3, 3]
    off = render(admissionPolicy={"enabled": False})
    assert [off.all(kind) for kind in kinds] == [[], []]


def test_listed_namespaces_take_a_role_each_and_no_cluster_role_of_the_operator(
    render: Render,
) -> None:
    chart = render(namespaces=["shop", "press"])
    assert _operators(chart) == chart.all("ClusterRoleBinding") == []
    for namespace in ("home", "shop", "press"):
        chart.one("Role", "imagebatch-operator", namespace)
        binding = chart.one("RoleBinding", "imagebatch-operator", namespace)
        assert binding["subjects"][0]["namespace"] == NAMESPACE
    assert chart.env("imagebatch-operator")["IMAGEBATCH_NAMESPACES"] == "home,press,shop"


_SIGNING_RULE = {
    "apiGroups": [""],
    "resources": ["secrets"],
    "resourceNames": [names.WEBHOOK_SECRET],
    "verbs": ["get"],
}
_KEYS_RULE = {
    **_SIGNING_RULE,
    "resourceNames": [names.API_KEYS_SECRET],
    "verbs": ["get", "patch"],
}


def test_no_rule_has_a_wildcard_and_none_reads_secrets_but_two_by_name(render: Render) -> None:
    for role in (*render().all("ClusterRole"), *render().all("Role")):
        for rule in role["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert "secrets" not in rule["resources"] or rule in (_SIGNING_RULE, _KEYS_RULE)


def test_named_webhook_secrets_take_get_and_nothing_else(render: Render) -> None:
    role = render(webhook={"secretRefs": True}).one("Role", "imagebatch-operator", NAMESPACE)
    rules = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    assert rules == [
        _SIGNING_RULE,
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    ]


def test_the_gateway_may_do_nothing_but_its_calls_with_batches_of_its_namespace(
    render: Render,
) -> None:
    chart = render()
    assert chart.one("Role", "imagebatch-gateway", NAMESPACE)["rules"] == [
        {
            "apiGroups": ["imagebatch.dev"],
            "resources": ["imagebatches"],
            "verbs": ["get", "list", "watch", "create", "patch", "delete"],
        }
    ]
    assert [
        binding["roleRef"]["name"]
        for binding in (*chart.all("RoleBinding"), *chart.all("ClusterRoleBinding"))
        if binding["subjects"][0]["name"] == "imagebatch-gateway"
    ] == ["imagebatch-gateway-keys", "imagebatch-gateway"]


def test_every_pod_is_restricted(render: Render) -> None:
    pods = list(render().pods())
    assert len(pods) == 2
    for pod in pods:
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["livenessProbe"]


def test_the_runner_finds_its_objects_in_every_batch_namespace(render: Render) -> None:
    chart = render(namespaces=["shop"], runner={"namespaces": ["press"]})
    for namespace in (NAMESPACE, "shop", "press"):
        account = chart.one("ServiceAccount", names.RUNNER_SERVICE_ACCOUNT, namespace)
        assert account["automountServiceAccountToken"] is False
        chart.one("ConfigMap", names.RUNNER_CONFIG_MAP, namespace)


def test_the_operator_accepts_its_settings(render: Render) -> None:
    chart = render(
        namespaces=["shop"],
        images={"operator": "o", "runner": "r:1", "pullSecrets": ["registry"]},
        egress={"allow": ["catalogue.shop.svc", "10.0.0.0/8"]},
        sourcePrefixes={"shop": ["catalogues/shop/"]},
        retention={"ttlSecondsAfterFinished": 2_592_000, "endedPerNamespace": 50},
        limits={
            "runningBatches": 2_000_000,
            "runningBatchesPerNamespace": 2,
            "parallelism": 20,
            "imagesPerShard": {"to": 5000},
            "images": 3_000_000,
        },
        gateway={"externalUrl": "https://images.example.com/"},
        operator={"logLevel": "debug", "logFormat": "text"},
        runner={
            "fetchCredentials": {"secretName": "shop-headers"},
            "nodeSelector": {"pool": "spot"},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "priorityClassName": "batch",
            "runtimeClassName": "gvisor",
            "hostUsers": False,
            "podAnnotations": {"sidecar.istio.io/inject": "false"},
            "overrides": {
                "resources": {"cpu": 4, "memory": "8Gi"},
                "nodeSelector": {"pool": ["spot"]},
                "tolerations": [{"key": "spot", "operator": "Exists"}],
                "podLabels": ["team.example/*"],
            },
        },
    )
    settings = OperatorSettings.from_env(chart.env("imagebatch-operator"))
    assert settings.runner_image == "r:1"
    assert settings.runner_pull_secrets == ("registry",)
    assert settings.runner_resources["requests"] == {"cpu": "250m", "memory": "256Mi"}
    assert settings.runner_placement == {
        "nodeSelector": {"pool": "spot"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "priorityClassName": "batch",
    }
    assert settings.runner_pod_annotations == {"sidecar.istio.io/inject": "false"}
    assert (settings.runner_scratch_size, settings.runner_scratch_request) == ("20Gi", "1Gi")
    assert (settings.runner_runtime_class, settings.runner_host_users) == ("gvisor", False)
    assert settings.namespaces == (NAMESPACE, "shop")
    assert settings.lease_namespace == NAMESPACE
    assert settings.egress_rules == EgressRules.parse("catalogue.shop.svc,10.0.0.0/8")
    assert settings.gateway_url == "https://images.example.com"
    assert settings.download_url(NAMESPACE, "spring") is not None
    assert settings.download_url("shop", "spring") is None
    assert settings.source_prefixes == {"shop": ["catalogues/shop/"]}
    assert (settings.running_batches, settings.running_batches_per_namespace) == (2_000_000, 2)
    assert settings.ceilings == Ceilings(
        parallelism=20, images_per_shard=Range(to=5000), images=3_000_000
    )
    assert GatewaySettings.from_env(chart.env("imagebatch-gateway")).ceilings == settings.ceilings
    assert (settings.default_ttl_seconds, settings.ended_batches_per_namespace) == (2_592_000, 50)
    assert settings.runner_overrides == Overrides(
        resources={"cpu": 4, "memory": "8Gi"},
        node_selector={"pool": ["spot"]},
        tolerations=[Toleration(key="spot", operator="Exists")],
        pod_labels=["team.example/*"],
    )
    assert settings.fetch_credentials_secret == "shop-headers"
    assert (settings.log_level, settings.log_format) == ("debug", "text")
    assert settings.signing_secret_file is not None
    pod = chart.one("Deployment", "imagebatch-operator")["spec"]["template"]["spec"]
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert str(settings.signing_secret_file.parent) in mounts
    probe = pod["containers"][0]["livenessProbe"]["httpGet"]
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert ports[probe["port"]] == settings.health_port


def test_by_default_any_number_of_batches_runs(render: Render) -> None:
    settings = OperatorSettings.from_env(render().env("imagebatch-operator"))
    assert (settings.running_batches, settings.running_batches_per_namespace) == (None, None)
    assert settings.ceilings == NO_CEILINGS
    assert settings.runner_overrides == NO_OVERRIDES
    assert (settings.default_ttl_seconds, settings.ended_batches_per_namespace) == (None, None)


def _operator(chart: Rendered) -> dict[str, Any]:
    deployment: dict[str, Any] = chart.one("Deployment", "imagebatch-operator")["spec"]
    return deployment


LEAVES_AFTER = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}
NODE = "node.kubernetes.io"


def test_a_second_operator_waits_on_another_node_and_is_not_drained_with_the_first(
    render: Render,
) -> None:
    chart = render()
    deployment = _operator(chart)
    assert deployment["replicas"] == 2
    pod = deployment["template"]["spec"]
    assert pod["tolerations"] == [
        {"key": f"{NODE}/not-ready", **LEAVES_AFTER},
        {"key": f"{NODE}/unreachable", **LEAVES_AFTER},
    ]
    [spread] = pod["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    labels = deployment["template"]["metadata"]["labels"]
    for selector in (
        spread["labelSelector"],
        chart.one("PodDisruptionBudget", "imagebatch-operator")["spec"]["selector"],
    ):
        assert selector["matchLabels"].items() <= labels.items()
    assert chart.one("PodDisruptionBudget", "imagebatch-operator")["spec"]["maxUnavailable"] == 1


def test_a_single_operator_may_be_drained(render: Render) -> None:
    chart = render(operator={"replicas": 1})
    budgets = [one["metadata"]["name"] for one in chart.all("PodDisruptionBudget")]
    assert "imagebatch-operator" not in budgets
    assert "topologySpreadConstraints" not in _operator(chart)["template"]["spec"]


def test_the_operators_placement_is_what_the_values_say(render: Render) -> None:
    own = {"key": f"{NODE}/unreachable", "operator": "Exists", "tolerationSeconds": 5}
    spread = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    chart = render(
        operator={
            "tolerations": [own, {"key": "spot", "operator": "Exists"}],
            "topologySpreadConstraints": [spread],
            "nodeSelector": {"pool": "system"},
            "priorityClassName": "high",
        }
    )
    pod = _operator(chart)["template"]["spec"]
    assert pod["tolerations"] == [
        own,
        {"key": "spot", "operator": "Exists"},
        {"key": f"{NODE}/not-ready", **LEAVES_AFTER},
    ]
    assert pod["topologySpreadConstraints"] == [spread]
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"pool": "system"}, "high")


def test_an_operator_that_cannot_start_leaves_the_one_before_it_at_work(render: Render) -> None:
    deployment = _operator(render())
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    probe = deployment["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["httpGet"]["path"] == "/healthz"
    # Until it has seen a CRD as new as itself `/healthz` fails, and the process ends without one.
    assert probe["failureThreshold"] * probe["periodSeconds"] > 2 * PATIENCE


def test_the_gateway_accepts_its_settings(render: Render) -> None:
    chart = render(
        s3={"prefix": "/shop/", "endpoint": "http://s3:8333"},
        gateway={"maxUploadBytes": 10**10, "logLevel": "debug", "logFormat": "text"},
    )
    env = chart.env("imagebatch-gateway")
    settings = GatewaySettings.from_env(env)
    assert settings.namespace == NAMESPACE
    served = OperatorSettings.from_env(chart.env("imagebatch-operator")).gateway_namespace
    assert served == settings.namespace
    assert settings.store == "s3://pictures/shop"
    assert settings.max_upload_bytes == 10**10
    assert settings.gateway_url is None
    assert (settings.log_level, settings.log_format) == ("debug", "text")
    assert env["AWS_ENDPOINT_URL"] == "http://s3:8333"
    pod = chart.one("Deployment", "imagebatch-gateway")["spec"]["template"]["spec"]
    assert pod["containers"][0]["ports"][0]["containerPort"] == settings.gateway_port


@pytest.mark.parametrize(
    ("component", "settings"),
    [("imagebatch-gateway", GatewaySettings), ("imagebatch-operator", OperatorSettings)],
)
def test_the_chart_sets_no_variable_that_nobody_reads(
    render: Render, component: str, settings: type[EnvironmentSettings]
) -> None:
    set_ = {name for name in render().env(component) if name.startswith(PREFIX)}
    known = {variable(field) for field in settings.model_fields}
    # The public address of outputs stands beside the store's, and is the runner's.
    assert set_ - {names.ENV_PUBLIC_BASE_URL} <= known


def test_the_runner_accepts_its_settings(render: Render) -> None:
    wanted = {"maxPixels": 200_000_000, "retryBaseSeconds": 0.5, "contactUrl": "https://a.example"}
    chart = render(
        runner={"settings": wanted},
        egress={"allow": ["10.0.0.0/8"], "s3Allow": ["catalogue", "shared/{namespace}/photos"]},
        gateway={"externalUrl": "https://images.example.com"},
    )
    settings = RunnerSettings.from_env(chart.one("ConfigMap", names.RUNNER_CONFIG_MAP)["data"])
    assert settings.store == "s3://pictures"
    assert settings.public_base_url == "https://images.example.com/files"
    assert settings.egress_rules == EgressRules.parse("10.0.0.0/8")
    named = S3Object.parse("s3://shared/shop/photos/a.jpg")
    assert S3AllowList.parse(settings.fetch_s3_allow).allows(named, "shop")
    assert settings.max_pixels == 200_000_000
    assert settings.retry_base_seconds == 0.5
    assert settings.contact_url == "https://a.example"


def test_every_setting_of_the_runner_can_be_set(render: Render) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    offered = schema["properties"]["runner"]["properties"]["settings"]["properties"]
    fields = set(RunnerSettings.model_fields) - _NOT_BY_HAND
    camel = {field: _camel(field) for field in fields}
    assert set(offered) == set(camel.values())
    # What has no default of its own is derived from the pod's memory; any number will do.
    given = {camel[field]: getattr(RunnerSettings(), field) or 1 for field in fields}
    given |= {"contactUrl": "https://images.example", "logLevel": "debug", "logFormat": "text"}
    data = render(runner={"settings": given}).one("ConfigMap", names.RUNNER_CONFIG_MAP)["data"]
    assert {f"IMAGEBATCH_{field.upper()}" for field in fields} <= set(data)
    RunnerSettings.from_env(data)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ({"registry": "registry.example/team"}, "registry.example/team/imagebatch/runner:0.1.0"),
        ({"registry": "localhost:5000", "tag": "v2"}, "localhost:5000/imagebatch/runner:v2"),
        ({"runner": "imagebatch/runner:dev-1a2b", "tag": "v2"}, "imagebatch/runner:dev-1a2b"),
        ({"runner": "r@sha256:12"}, "r@sha256:12"),
        ({"runner": "localhost:5000/r"}, "localhost:5000/r:0.1.0"),
        ({"runner": "other.example/r", "tag": "v2"}, "other.example/r:v2"),
        ({"registry": "registry.example", "runner": "other.example/r:1"}, "other.example/r:1"),
        ({"registry": "registry.example", "runner": "r@sha256:12"}, "r@sha256:12"),
    ],
)
def test_image_names_take_registry_and_tag(
    render: Render, images: dict[str, Any], expected: str
) -> None:
    env = render(images=images).env("imagebatch-operator")
    assert env["IMAGEBATCH_RUNNER_IMAGE"] == expected


def test_an_image_of_no_registry_is_refused(render: Render) -> None:
    with pytest.raises(HelmFailed, match=r"images\.registry is required"):
        render(images={"registry": ""})
    named = {"operator": "r.example/o", "gateway": "r.example/g", "runner": "imagebatch/r:dev"}
    render(images={"registry": "", **named})


def test_the_signing_secret_is_32_random_bytes(render: Render) -> None:
    secrets = []
    for _ in range(2):
        templates.cache_clear()
        made = render().one("Secret", "imagebatch-webhook-signing")["data"]["secret"]
        secrets.append(base64.b64decode(made).decode())
    assert secrets[0] != secrets[1]
    for secret in secrets:
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_every_namespace_signs_with_a_secret_of_its_own(render: Render) -> None:
    chart = render(namespaces=["shop", "press"])
    found = {
        one["metadata"]["namespace"]: one["data"]["secret"]
        for one in chart.all("Secret")
        if one["metadata"]["name"] in ("imagebatch-webhook-signing", names.WEBHOOK_SECRET)
    }
    assert sorted(found) == [NAMESPACE, "press", "shop"]
    assert len(set(found.values())) == 3
    assert chart.env("imagebatch-operator")["IMAGEBATCH_SIGNING_NAMESPACE"] == NAMESPACE


def test_an_existing_signing_secret_is_used(render: Render) -> None:
    chart = render(webhook={"signing": {"existingSecret": "ours"}})
    kept = {one["metadata"]["name"] for one in chart.all("Secret")}
    assert kept == {names.API_KEYS_SECRET, "imagebatch-sessions"}
    pod = chart.one("Deployment", "imagebatch-operator")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["signing"]["secret"]["secretName"] == "ours"


def test_without_a_gateway_nothing_of_it_is_made(render: Render) -> None:
    chart = render(gateway={"enabled": False}, s3={"publicBaseUrl": "https://cdn.example"})
    assert not [one for one in chart.objects if one["metadata"]["name"] == "imagebatch-gateway"]
    data = chart.one("ConfigMap", names.RUNNER_CONFIG_MAP)["data"]
    assert data["IMAGEBATCH_PUBLIC_BASE_URL"] == "https://cdn.example"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
