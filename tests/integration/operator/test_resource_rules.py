"""What the API server itself refuses, and what the chart makes of the namespaces it finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.operator.driver import Api, eventually

ROOT = Path(__file__).resolve().parents[3]
CHART, EXAMPLES = ROOT / "deploy" / "helm" / "imagebatch", ROOT / "examples"


def test_a_webhook_may_be_corrected_until_its_event_was_delivered(api: Api) -> None:
    api.batch("hooked", suspend=True, webhook={"url": "https://old.example/"})
    api.patch("hooked", webhook={"url": "https://new.example/"})
    sent = {"webhook": {"eventId": "evt_1", "attempts": 1}}
    _status(api, "hooked", sent)
    api.patch("hooked", webhook={"url": "https://newer.example/"})
    sent["webhook"]["deliveredTime"] = "2026-01-02T03:04:05Z"
    _status(api, "hooked", sent)
    with pytest.raises(Exception, match="webhook is immutable once its event was delivered"):
        api.patch("hooked", webhook={"url": "https://newest.example/"})
    with pytest.raises(Exception, match="webhook is immutable once its event was delivered"):
        api.patch("hooked", webhook=None)
    api.patch("hooked", parallelism=9)
    api.kubectl("delete", "imagebatch", "hooked")


def test_an_upgrade_leaves_out_listed_namespaces_that_are_gone(api: Api) -> None:
    for name in ("here", "release"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        # The controller manager makes it, sooner or later; the chart's dry run looks for it.
        account = (
            "-n",
            name,
            "get",
            "serviceaccount",
            "default",
            "--ignore-not-found",
            "-o",
            "name",
        )
        eventually(lambda account=account: api.plane.kubectl(*account), f"account of {name}")
    made = _rendered(api, "--is-upgrade")
    assert {one["metadata"].get("namespace", "release") for one in made} == {"here", "release"}
    first = _rendered(api)
    assert "gone" in {one["metadata"].get("namespace") for one in first}


def _rendered(api: Api, *flags: str) -> list[dict[str, Any]]:
    values = {"s3": {"bucket": "b"}, "namespaces": ["here", "gone"], "crds": {"install": False}}
    values["images"] = {"registry": "registry.example"}
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("helm")), "template", "ib", str(CHART),
            "--namespace", "release", "--dry-run=server", "--values", "-", *flags,
            "--kubeconfig", str(api.plane.kubeconfig),
        ],
        check=False, capture_output=True, text=True, input=json.dumps(values),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def _status(api: Api, name: str, status: dict[str, Any]) -> None:
    patch = json.dumps({"status": status})
    api.kubectl("patch", "imagebatch", name, "--subresource=status", "--type=merge", "-p", patch)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_taken_by_the_api_server(api: Api, path: Path) -> None:
    assert "(server dry run)" in api.kubectl("apply", "--dry-run=server", "-f", str(path))


def test_a_dry_run_has_nothing_that_suspend_after_could_hold(api: Api) -> None:
    with pytest.raises(Exception, match="a dryRun ends once it is planned"):
        api.batch("both", suspend=True, dryRun=True, suspendAfter="Plan")
    api.batch("held", suspend=True, suspendAfter="Plan")
    api.patch("held", suspendAfter=None)
    assert "suspendAfter" not in api.get("imagebatch", "held")["spec"]
    api.kubectl("delete", "imagebatch", "held")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("output", {"quality": 60}),
        ("output", {"maxWidth": 100}),
        ("imagesPerShard", 500),
        ("reuseFrom", {"name": "autumn"}),
    ],
)
def test_what_a_retry_takes_from_the_earlier_batch_is_refused(
    api: Api, field: str, value: Any
) -> None:
    with pytest.raises(Exception, match=f"of the batch of retryOf.*leave (it )?out|{field}"):
        api.batch("retry", suspend=True, source={"retryOf": {"name": "winter"}}, **{field: value})


def test_a_retry_is_made_without_them(api: Api) -> None:
    api.batch("retry", suspend=True, source={"retryOf": {"name": "winter"}})
    assert api.get("imagebatch", "retry")["spec"]["source"]["retryOf"]["only"] == "failed"
    api.kubectl("delete", "imagebatch", "retry")


@pytest.mark.parametrize(
    "address", ["https://user:s3cr3t@shop.example/", "https://k3y@shop.example"]
)
def test_an_address_with_a_password_is_refused_and_the_answer_says_what_to_do(
    api: Api, address: str
) -> None:
    advice = "must not hold a user or password; hosts that want one get it from the Secret of"
    with pytest.raises(Exception, match=advice):
        api.batch("private-hook", suspend=True, webhook={"url": address})
    with pytest.raises(Exception, match=advice):
        api.batch("private-source", suspend=True, source={"url": address})
    api.batch(
        "at-sign",
        suspend=True,
        source={"url": "https://shop.example/@spring/list.csv?to=a@b.example"},
        webhook={"url": "https://shop.example?user=a@b.example"},
    )
    api.kubectl("delete", "imagebatch", "at-sign")


def test_a_priority_may_be_changed_within_its_bounds_and_the_runner_pods_may_not(api: Api) -> None:
    api.batch("ranked", suspend=True, runner={"priorityClassName": "batch"})
    api.patch("ranked", priority=-1000)
    api.patch("ranked", priority=1000)
    for beyond in (-1001, 1001):
        with pytest.raises(Exception, match=r"spec.priority"):
            api.patch("ranked", priority=beyond)
    with pytest.raises(Exception, match="runner is immutable"):
        api.patch("ranked", runner={"priorityClassName": "urgent"})
    with pytest.raises(Exception, match=r"spec.runner.resources.limits"):
        api.batch("sized", suspend=True, runner={"resources": {"limits": {"memory": "2K"}}})
    api.kubectl("delete", "imagebatch", "ranked")
