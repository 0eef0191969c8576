"""`kubectl imagebatch` with a kubectl that stands for the cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from imagebatch.kubectl.app import app
from unit.client.kubectl.cluster import StandIn

LISTED = "/api/requests?limit=50"
TRUSTED = ("--gateway-namespace", "images")


def run(standin: StandIn, *words: str) -> Result:
    standin.save()
    return CliRunner().invoke(app, words, env=standin.environment)


def listed(standin: StandIn) -> tuple[str, str | None]:
    """Return path and Authorization of the call of `list`."""
    path, sent = standin.noted("requests")[-1]
    return path, sent


def test_the_gateway_is_found_by_its_labels_and_the_forwarding_ends_with_the_command(
    standin: StandIn,
) -> None:
    result = run(standin, "--context", "c2", "--kubeconfig", "k", "list")
    assert result.exit_code == 0, result.output
    assert listed(standin) == (LISTED, None)
    calls = standin.noted("calls")
    assert all(call[:2] == ["--context=c2", "--kubeconfig=k"] for call in calls)
    selector = "app.kubernetes.io/part-of=imagebatch,app.kubernetes.io/name=imagebatch-gateway"
    assert f"--selector={selector}" in calls[1]
    assert calls[2][2:] == [
        "port-forward",
        "--address=127.0.0.1",
        "--namespace=images",
        "service/imagebatch-gateway",
        ":80",
    ]
    assert standin.noted("forwards")
    assert standin.running() == []


def test_help_and_wrong_options_start_nothing(standin: StandIn) -> None:
    assert run(standin, "submit", "--help").exit_code == 0
    assert run(standin, "list", "--limit", "0").exit_code == 2
    assert standin.noted("calls") == []


@pytest.mark.parametrize(
    ("own", "words", "namespace"),
    [
        (None, (), None),
        ("shop", (), "shop"),
        ("shop", ("-n", "other"), "other"),
        ("shop", (*TRUSTED, "--token", "ibk_x"), None),
        ("shop", (*TRUSTED, "-n", "other", "--token", "ibk_x"), "other"),
    ],
)
def test_requests_are_in_the_namespace_of_the_context_unless_another_is_named(
    standin: StandIn, own: str | None, words: tuple[str, ...], namespace: str | None
) -> None:
    standin.namespace = own
    assert run(standin, *words, "list").exit_code == 0
    path, _ = listed(standin)
    assert path == (f"{LISTED}&namespace={namespace}" if namespace else LISTED)


def test_of_several_gateways_one_must_be_chosen(standin: StandIn) -> None:
    """Whoever may make a Service in the namespace that one works in could be among them."""
    standin.gateways = ["images", "shop"]
    standin.namespace = "shop"
    refused = run(standin, "list")
    assert refused.exit_code == 2
    assert "in the namespaces images, shop: choose one with --gateway-namespace" in refused.output
    assert run(standin, "--gateway-namespace", "images", "list").exit_code == 0
    assert "--namespace=images" in standin.noted("calls")[-1]


def test_without_a_gateway_it_says_what_to_name(standin: StandIn) -> None:
    standin.gateways = []
    result = run(standin, "list")
    assert result.exit_code == 7
    assert "in any namespace; name its namespace with --gateway-namespace" in result.output
    named = run(standin, "--gateway-namespace", "x", "list")
    assert "in namespace x;" in named.output


def test_who_may_not_list_all_services_gets_the_gateway_of_the_own_namespace(
    standin: StandIn,
) -> None:
    standin.more["mayList"] = ["images"]
    result = run(standin, "list")
    assert result.exit_code == 7
    assert "in namespace default (you may not list the Services of all" in result.output
    standin.namespace = "images"
    assert run(standin, "list").exit_code == 0
    forbidden = run(standin, "--gateway-namespace", "other", "list")
    assert forbidden.exit_code == 7
    assert "services is forbidden" in forbidden.output


def signs_in(standin: StandIn, user: dict[str, Any]) -> StandIn:
    standin.me["authMode"] = "kubernetes"
    standin.user = user
    return standin


def test_the_contexts_token_goes_to_a_gateway_that_wants_it_and_was_chosen(
    standin: StandIn,
) -> None:
    signs_in(standin, {"token": "t1"})
    withheld = run(standin, "list")
    assert withheld.exit_code == 3
    assert "say that you trust it: --gateway-namespace images" in withheld.output
    assert all(sent is None for _, sent in standin.noted("requests"))
    assert run(standin, "--gateway-namespace", "images", "list").exit_code == 0
    assert listed(standin)[1] == "Bearer t1"
    standin.namespace = "images"
    assert run(standin, "list").exit_code == 3
    assert run(standin, "-n", "images", "list").exit_code == 3


@pytest.mark.parametrize("mode", ["none", "proxy"])
def test_the_contexts_token_goes_to_no_gateway_that_does_not_know_tokens(
    standin: StandIn, mode: str
) -> None:
    signs_in(standin, {"token": "t1"}).me["authMode"] = mode
    assert run(standin, "--gateway-namespace", "images", "list").exit_code == 0
    assert listed(standin)[1] is None


def test_a_given_token_is_sent_instead_of_the_contexts(standin: StandIn) -> None:
    signs_in(standin, {"token": "t1"})
    assert run(standin, "--token", "ibk_x", "list").exit_code == 3
    assert all(sent is None for _, sent in standin.noted("requests"))
    assert run(standin, *TRUSTED, "--token", "ibk_x", "list").exit_code == 0
    assert listed(standin)[1] == "Bearer ibk_x"


def test_the_token_may_come_from_a_file_or_a_program(standin: StandIn, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    signs_in(standin, {"tokenFile": str(tmp_path / "token")})
    assert run(standin, *TRUSTED, "list").exit_code == 0
    assert listed(standin)[1] == "Bearer from-file"

    program = tmp_path / "sign-in"
    program.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert asked['kind'] == 'ExecCredential'\n"
        "token = asked['spec']['cluster']['server'] + os.environ['WHO']\n"
        "print(json.dumps({'status': {'token': token}}))\n"
    )
    program.chmod(0o755)
    standin.user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(program),
            "env": [{"name": "WHO", "value": "/ann"}],
            "provideClusterInfo": True,
        }
    }
    assert run(standin, *TRUSTED, "list").exit_code == 0
    assert listed(standin)[1] == "Bearer https://k.example/ann"
    program.write_text("#!/bin/sh\necho the session is over >&2\nexit 1\n")
    failed = run(standin, *TRUSTED, "list")
    assert failed.exit_code == 7
    assert "the session is over" in failed.output


def test_what_kubectl_says_is_told(standin: StandIn) -> None:
    standin.more["forwardRefused"] = "unable to forward port because pod is not running"
    result = run(standin, "list")
    assert result.exit_code == 7
    assert "kubectl port-forward: error: unable to forward port" in result.output
    standin.environment["PATH"] = str(standin.folder)
    missing = run(standin, "list")
    assert missing.exit_code == 7
    assert "kubectl is not on the PATH" in missing.output


def test_it_has_the_commands_that_call_a_gateway(standin: StandIn) -> None:
    import typer

    from imagebatch.cli.app import app as command

    own = typer.main.get_command(command).commands  # type: ignore[attr-defined]
    plugin = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(own) - set(plugin) == {"login", "logout", "local"}
    assert set(plugin) <= set(own)
