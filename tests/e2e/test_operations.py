"""The commands of docs/operations.md and docs/access.md, run as they stand there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from standardwebhooks import Webhook, WebhookVerificationError

from e2e.manifest import apply, finished, manifest
from e2e.test_kubectl_plugin import Plugin
from hosttools.ports import free_port
from localcluster import build
from stack.gateway_client import upload
from stack.places import ROOT
from stack.sample import FAILURES, IMAGES, PRODUCTS, sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import NAMESPACE, Stack

pytestmark = pytest.mark.long


class Shell:
    """Runs blocks of a page in bash, with the cluster as the current context."""

    def __init__(self, stack: Stack, page: str) -> None:
        self._page = (ROOT / "docs" / page).read_text(encoding="utf-8")
        programs = (build.ensure(), Path(sys.executable).parent)
        path = ":".join([*map(str, programs), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "KUBECONFIG": str(stack.kubeconfig)}
        self._environment["G"] = stack.gateway

    def block(self, heading: str, number: int = 0) -> str:
        """Return a block of the part below a heading, or below a word in bold."""
        begin = self._page.index(heading)
        blocks: list[str] = re.findall(r"```sh\n(.*?)```", self._page[begin:], re.DOTALL)
        return blocks[number]

    def run(self, script: str, **variables: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=ROOT,
            env={**self._environment, **variables},
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def shell(stack: Stack) -> Iterator[Shell]:
    """The release is as it was, after these tests."""
    yield Shell(stack, "operations.md")
    stack.up()


def secret_lines(stack: Stack, name: str, key: str) -> list[str]:
    found = json.loads(stack.batches("get", "secret", name, "-o", "json"))
    return base64.b64decode(found["data"][key]).decode().splitlines()


def submitted(stack: Stack, name: str) -> None:
    apply(stack, manifest(name, source={"inline": sample_csv(SAMPLEHOST_URL)}))


def complete(stack: Stack, name: str) -> None:
    status = finished(stack, name, 240)
    images = status["images"]
    assert (status["phase"], images["total"], images["failed"]) == ("Completed", IMAGES, FAILURES)


def test_upgrade_and_rollback_in_the_middle_of_a_batch(stack: Stack, shell: Shell) -> None:
    upgrade = shell.block("## Upgrade")
    assert "images.tag=0.2.0" in upgrade
    submitted(stack, "upgraded")
    shell.run(upgrade.replace("images.tag=0.2.0", "gateway.replicas=2"))
    replicas = ("get", "deployment", "imagebatch-gateway", "-o", "jsonpath={.spec.replicas}")
    assert stack.batches(*replicas) == "2"
    complete(stack, "upgraded")

    submitted(stack, "rolled-back")
    last = json.loads(shell.run(f"helm history imagebatch -n {NAMESPACE} -o json"))[-2]["revision"]
    shell.run(shell.block("## Roll back").replace("imagebatch 1 ", f"imagebatch {last} "))
    assert stack.batches(*replicas) == "1"
    complete(stack, "rolled-back")
    stack.wait_ready()


def test_one_waits_for_an_end(stack: Stack, shell: Shell) -> None:
    submitted(stack, "waited-for")
    said = shell.run(shell.block("## Wait for an end").replace("NAME", "waited-for"))
    assert said.endswith("CompletedWithFailures")


def test_keys_are_rotated(stack: Stack, shell: Shell) -> None:
    pair = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    access, secret = (secret_lines(stack, "imagebatch-s3", name)[0] for name in pair)
    s3 = shell.block("**S3 key pair.**").replace("bucket-keys", "imagebatch-s3")
    s3 = s3.replace('ID":"…"', f'ID":"{access}"').replace('KEY":"…"', f'KEY":"{secret}"')
    assert "…" not in s3
    shell.run(s3)

    (old,) = secret_lines(stack, "imagebatch-webhook-signing", "secret")
    begin, end = shell.block("**Webhook signing secret.**").split("# give")
    end = end.partition("\n")[2]
    shell.run(f"{begin}\nkubectl -n {NAMESPACE} get secret imagebatch-webhook-signing")
    new, kept = secret_lines(stack, "imagebatch-webhook-signing", "secret")
    assert (kept, new != old) == (old, True)
    shell.run(end, NEW=new)
    assert secret_lines(stack, "imagebatch-webhook-signing", "secret") == [new]

    (session,) = secret_lines(stack, "imagebatch-sessions", "keys")
    shell.run(shell.block("**Session key.**"))
    assert secret_lines(stack, "imagebatch-sessions", "keys")[1:] == [session]
    stack.batches("rollout", "status", "deployment/imagebatch-gateway", "--timeout=120s")
    stack.wait_ready()
    with httpx.Client(base_url=stack.gateway, timeout=30) as gateway:
        hook = f"{SAMPLEHOST_URL}/hook"
        request_id = upload(gateway, sample_csv(SAMPLEHOST_URL), webhookUrl=hook)
        complete(stack, request_id)
        end = time.monotonic() + 180
        # The kubelet brings the operator the new secret within about a minute.
        while not signed_with(stack, request_id, new):
            assert time.monotonic() < end
            time.sleep(5)
            gateway.post(f"/api/requests/{request_id}/webhook/replay")


def signed_with(stack: Stack, request_id: str, secret: str) -> bool:
    """Return whether a webhook of the request came that is signed with the secret."""
    for one in httpx.get(f"{stack.samplehost}/hooks", params={"q": request_id}).json():
        try:
            Webhook(secret).verify(base64.b64decode(one["body_base64"]), one["headers"])
        except WebhookVerificationError:
            continue
        return True
    return False


def test_sign_in_is_set_up_and_kubectl_imagebatch_signs_in_with_its_context(
    stack: Stack, shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "products.csv").write_text(sample_csv(SAMPLEHOST_URL))
    block = Shell(stack, "access.md").block("## kubernetes")
    block = block.replace("products.csv", str(tmp_path / "products.csv"))
    *setup, call = block.strip().splitlines()
    script = "\n".join(setup)
    token = (
        shell.run(
            f"{script}\n"
            f"kubectl -n {NAMESPACE} rollout status deployment/imagebatch-gateway >&2\n{call} >&2\n"
            "echo TOKEN=$TOKEN"
        )
        .rpartition("TOKEN=")[2]
        .strip()
    )
    assert httpx.get(f"{stack.gateway}/api/requests").status_code == 401

    config = yaml.safe_load(stack.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = NAMESPACE
    own = tmp_path / "kubeconfig"
    own.write_text(yaml.safe_dump(config))
    kubectl = Plugin(own, tmp_path)
    request_id = kubectl("submit", "products.csv").strip()
    listed = [json.loads(line) for line in kubectl("list", "--jsonl").splitlines()]
    made = next(item for item in listed if item["requestId"] == request_id)
    assert made["createdBy"] == f"system:serviceaccount:{NAMESPACE}:ci"
    complete(stack, request_id)


def test_one_gets_started_by_kubectl(stack: Stack, shell: Shell, tmp_path: Path) -> None:
    page = Shell(stack, "getting-started.md")
    (tmp_path / "products.csv").write_text(sample_csv(SAMPLEHOST_URL))
    make, get = (page.block("## kubectl and GitOps", number) for number in (0, 1))
    page.run(make.replace("products.csv\n", f"{tmp_path / 'products.csv'}\n", 1))
    complete(stack, "spring-catalogue")
    page.run(f"cd {tmp_path}\n{get.replace('8081', str(free_port()))}")
    assert len((tmp_path / "spring-catalogue.csv").read_text().splitlines()) == 1 + PRODUCTS


def test_uninstalling_keeps_batches_and_secrets_for_the_next_installation(
    stack: Stack, shell: Shell
) -> None:
    submitted(stack, "kept")
    complete(stack, "kept")
    names = ("imagebatch-webhook-signing", "imagebatch-sessions")
    before = [stack.secret(name, key) for name, key in zip(names, ("secret", "keys"), strict=True)]
    shell.run(shell.block("## Uninstall"))
    assert "imagebatch-gateway" not in stack.batches("get", "deployments", "-o", "name")
    assert stack.batches("get", "imagebatch", "kept", "-o", "name").strip()
    stack.up()
    after = [stack.secret(name, key) for name, key in zip(names, ("secret", "keys"), strict=True)]
    assert after == before
    submitted(stack, "after-all")
    complete(stack, "after-all")
