"""Objects of a newer release, as after a rollback, generated from the CRD and reconciled.

Each gets an unknown field in one of its objects, an unknown condition, an unknown reason in one of
its conditions, or an unknown phase.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from imagebatch_core.crd import custom_resource_definition
from imagebatch_core.names import API_VERSION, KIND
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.client import batch_path, core_path
from imagebatch_operator.settings import Settings
from unit.operator.builders import BatchBuilder, batch
from unit.operator.fakecluster import FakeCluster
from unit.operator.life import KEY, Life, applied, result, without_times

Schema = dict[str, Any]
#: Where something is in an object; numbers are places in lists.
Place = tuple[str | int, ...]

SCHEMA: Schema = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
PATH = batch_path(*KEY)
NEWER_CONDITION = {
    "type": "Verified",
    "status": "True",
    "reason": "ChecksPassed",
    "message": "of a newer operator",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-02T03:00:00Z",
    "severity": "Info",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(b"a secret of twenty-four").decode())
    return Settings(
        runner_image="runner:1",
        fetch_allow="127.0.0.1",
        signing_secret_file=secret,
    )


def value_of(schema: Schema) -> Any:
    """A value that the schema allows, with every field set."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object" if "properties" in schema:
            return {name: value_of(child) for name, child in schema["properties"].items()}
        case "object":
            return {"a": value_of(schema["additionalProperties"])}
        case "array":
            return [value_of(schema["items"])]
        case "boolean":
            return False
        case "integer":
            return schema.get("default", schema.get("minimum", 1))
        case "string":
            words = ("a", "A", "1", "http://127.0.0.1:2/done", schema.get("default", ""))
            return next(w for w in words if re.search(schema.get("pattern", ""), w))
    raise AssertionError(schema)


def specs() -> Iterator[dict[str, Any]]:
    """One for each kind of source, every other field set."""
    whole = value_of(SCHEMA["properties"]["spec"])
    for kind, source in whole["source"].items():
        yield {**deepcopy(whole), "source": {kind: deepcopy(source)}}


def objects_in(schema: Schema, value: Any, place: Place = ()) -> Iterator[Place]:
    """Where the value has an object whose fields the schema lists."""
    if "properties" in schema and isinstance(value, dict):
        yield place
        for name, child in schema["properties"].items():
            yield from objects_in(child, value.get(name), (*place, name))
    elif "items" in schema and isinstance(value, list):
        for number, item in enumerate(value):
            yield from objects_in(schema["items"], item, (*place, number))


def objects_of(schema: Schema, place: Place = ()) -> set[Place]:
    """Where a value may have such objects at all."""
    return set(objects_in(schema, value_of(schema), place))


def at(body: Any, place: Place) -> Any:
    for step in place:
        body = body[step]
    return body


def in_list(place: Place) -> Place:
    return tuple(0 if isinstance(step, int) else step for step in place)


def written(place: Place) -> str:
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in place).lstrip(".")


SPEC_CASES = [
    pytest.param(spec, place, id=f"{kind}-{written(('spec', *place))}")
    for spec in specs()
    for [kind] in [spec["source"]]
    for place in objects_in(SCHEMA["properties"]["spec"], spec)
]


def test_every_object_of_the_spec_is_tried() -> None:
    tried = {in_list(case.values[1]) for case in SPEC_CASES}  # type: ignore[arg-type,attr-defined]
    assert tried == objects_of(SCHEMA["properties"]["spec"])


@pytest.mark.parametrize(("spec", "place"), SPEC_CASES)
async def test_a_new_batch_with_an_unknown_field_says_so_and_waits_for_the_upgrade(
    settings: Settings, spec: dict[str, Any], place: Place
) -> None:
    body = {"apiVersion": API_VERSION, "kind": KIND, **batch().body(), "spec": deepcopy(spec)}
    at(body["spec"], place)["effort"] = {"level": 9}
    cluster = FakeCluster()
    cluster.add(PATH, body)
    life = Life(cluster, settings)
    for _ in range(5):
        assert await life.one_pass() is not None
    found = result(cluster)
    accepted = found.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", Reason.SPEC_NOT_UNDERSTOOD)
    assert f"{written(('spec', *place))}.effort" in accepted.message
    assert found.status.phase is Phase.PENDING
    assert cluster.jobs() == []
    assert len(cluster.writes) == 1, "it is said once"


@pytest.mark.parametrize("place", [(), ("source",), ("output",)])
async def test_a_batch_that_has_begun_goes_on_as_it_was_accepted(
    settings: Settings, place: Place
) -> None:
    plain = applied(batch().spec(output={"quality": 60}))
    await Life(plain, settings).to_the_end()
    cluster = applied(batch().spec(output={"quality": 60}))
    life = Life(cluster, settings)
    await life.one_pass()
    assert result(cluster).status.start_time is not None
    at(cluster.objects[PATH]["spec"], place)["effort"] = 9
    cluster.add(PATH, cluster.objects[PATH])
    await life.to_the_end()
    accepted = result(cluster).status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", Reason.SPEC_NOT_UNDERSTOOD)
    assert "goes on as it was accepted" in accepted.message
    assert ends_as(cluster, ConditionType.ACCEPTED) == ends_as(plain, ConditionType.ACCEPTED)


async def test_a_default_that_a_newer_crd_fills_in_stops_nobody(settings: Settings) -> None:
    cluster = applied(batch().spec(urgency=0, pacing={"mode": "even", "burst": 3}))
    newer = deepcopy(SCHEMA)
    newer["properties"]["spec"]["properties"] |= {
        "urgency": {"type": "integer", "default": 0},
        "pacing": {
            "type": "object",
            "default": {},
            "properties": {
                "mode": {"type": "string", "default": "even"},
                "burst": {"type": "integer", "default": 3},
            },
        },
    }
    serve(cluster, newer)
    await Life(cluster, settings).to_the_end()
    assert result(cluster).status.phase is Phase.COMPLETED
    asked = applied(batch().spec(urgency=7))
    serve(asked, newer)
    await Life(asked, settings).one_pass()
    accepted = result(asked).status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert "spec.urgency" in accepted.message


def serve(cluster: FakeCluster, schema: Schema) -> None:
    kinds = [{"group": "imagebatch.dev", "kind": KIND, "version": "v1alpha1"}]
    served = {**schema, "x-kubernetes-group-version-kind": kinds}
    document = {"metadata": {}, "components": {"schemas": {"ImageBatch": served}}}
    cluster.add(f"/openapi/v3/apis/{API_VERSION}", document)


@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
async def test_a_spec_that_cannot_be_read_gets_a_condition_and_heals(
    settings: Settings, begun: bool
) -> None:
    cluster = applied(batch())
    life = Life(cluster, settings)
    if begun:
        await life.one_pass()
    jobs = cluster.jobs()
    cluster.objects[PATH]["spec"]["output"] = {"format": "jxl"}
    cluster.add(PATH, cluster.objects[PATH])
    for _ in range(3):
        await life.one_pass()
    # Not by the model, which cannot read it.
    status = cluster.objects[PATH]["status"]
    conditions = {c["type"]: c for c in status["conditions"]}
    assert conditions["Accepted"]["status"] == "False"
    assert conditions["Accepted"]["reason"] == Reason.SPEC_NOT_UNDERSTOOD
    assert "spec.output.format" in conditions["Accepted"]["message"]
    assert "older than the CRD" in conditions["Reconciling"]["message"]
    assert status["phase"] == ("Processing" if begun else "Pending")
    assert cluster.jobs() == jobs, "nothing is touched"
    del cluster.objects[PATH]["spec"]["output"]
    cluster.add(PATH, cluster.objects[PATH])
    await life.to_the_end()
    healed = result(cluster).status
    assert healed.phase is Phase.COMPLETED
    accepted = healed.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.status == "True"


def reusing() -> BatchBuilder:
    return batch().webhook("http://127.0.0.1:2/done").spec(reuseFrom={"name": "winter"})


async def stages(settings: Settings) -> list[FakeCluster]:
    """The cluster before each pass over a batch that takes over outputs and has a webhook.

    After its first pass it is suspended for one; its first plan pod finds the store refused.
    """
    cluster = applied(reusing())
    earlier = batch().named("winter").status(phase="Completed")
    cluster.add(batch_path(KEY[0], "winter"), earlier.body())
    life, seen = Life(cluster, settings), []
    for number in range(13):
        body = cluster.objects[PATH]
        cluster.add(PATH, {**body, "spec": {**body["spec"], "suspend": number == 1}})
        seen.append(deepcopy(cluster))
        await life.one_pass()
        life.seconds += 15
        cluster.exit_code = {"plan": 3} if number == 2 else {}
        if number > 1:
            cluster.run_jobs()
    return seen + await early_end(settings)


async def early_end(settings: Settings) -> list[FakeCluster]:
    """The cluster before each pass over a batch that is cancelled while its shards run."""
    cluster = applied(batch())
    life, seen = Life(cluster, settings), []
    for number in range(7):
        if number == 2:
            body = cluster.objects[PATH]
            cluster.add(PATH, {**body, "spec": {**body["spec"], "cancel": True}})
        seen.append(deepcopy(cluster))
        await life.one_pass()
        if number != 1:
            cluster.run_jobs()
    return seen


def mutations(status: dict[str, Any]) -> Iterator[tuple[str, Place, dict[str, Any]]]:
    """Name, place and the status with one thing of a newer operator in it."""
    for place in objects_in(SCHEMA["properties"]["status"], status):
        changed = deepcopy(status)
        at(changed, place)["newer"] = {"a": [1]}
        yield "field", place, changed
    for number in range(len(status["conditions"])):
        changed = deepcopy(status)
        changed["conditions"][number]["reason"] = "NewerReason"
        yield "reason", ("conditions", number), changed
    yield "condition", (), {**status, "conditions": [*status["conditions"], NEWER_CONDITION]}
    yield "phase", (), {**status, "phase": "Resting"}


@pytest.mark.slow
async def test_whatever_a_newer_operator_wrote_into_the_status_the_end_is_the_same(
    settings: Settings,
) -> None:
    tried: set[tuple[str, Place]] = set()
    for number, stage in enumerate(await stages(settings)):
        if "status" not in stage.objects[PATH]:
            continue
        plain = await continued(stage, settings)
        for kind, place, status in mutations(stage.objects[PATH]["status"]):
            what = f"stage {number}: {kind} in {written(('status', *place))}"
            tried.add((kind, in_list(place)))
            newer = deepcopy(stage)
            newer.add(PATH, {**newer.objects[PATH], "status": status})
            after = await continued(newer, settings)
            changed = status["conditions"][place[1]]["type"] if kind == "reason" else None
            assert ends_as(after, changed) == ends_as(plain, changed), what
            kept = after.objects[PATH]["status"]
            ended = place in {("retry",), ("ending",)} and place[0] not in kept
            if kind == "field" and in_list(place) != ("conditions", 0) and not ended:
                assert at(kept, place)["newer"] == {"a": [1]}, what
            if kind == "condition":
                assert kept["conditions"][-1] == NEWER_CONDITION, what
    everywhere = {("field", place) for place in objects_of(SCHEMA["properties"]["status"])}
    assert tried == everywhere | {("reason", ("conditions", 0)), ("condition", ()), ("phase", ())}


async def continued(stage: FakeCluster, settings: Settings) -> FakeCluster:
    cluster = deepcopy(stage)
    life = Life(cluster, settings)
    for _ in range(6):
        await life.one_pass()
        cluster.run_jobs()
    return cluster


def ends_as(cluster: FakeCluster, changed: str | None = None) -> dict[str, Any]:
    """How the batch and its Jobs stand; without what was put in and the reason of ``changed``."""
    found = without_times(ImageBatch.from_object(cluster.objects[PATH]))
    if found["webhook"]:
        found["webhook"].pop("next_attempt_time")  # has jitter
    kept = [c for c in found["conditions"] if c["type"] != NEWER_CONDITION["type"]]
    for condition in kept:
        condition.pop("newer", None)
        if condition["type"] == changed:
            for name in ("reason", "message", "status"):
                condition.pop(name)
    found["conditions"] = kept
    jobs = [job["metadata"]["name"] for job in cluster.jobs()]
    return {**found, "jobs": jobs}


async def test_a_secret_of_the_webhook_is_in_no_message(settings: Settings) -> None:
    """What cannot be read may hold a secret: its value is not repeated."""
    cluster = applied(batch().spec(webhook={"url": "ftp://user:secret@a.example"}))
    await Life(cluster, settings).one_pass()
    text = str(cluster.objects[PATH]["status"])
    assert "spec.webhook.url" in text
    assert "secret@" not in text
    assert core_path("shop", "secrets", "a") not in cluster.reads
