"""What kstatus, hence Flux, and Argo CD read from the status, on every path through the life."""

from __future__ import annotations

from typing import Any

import pytest

from imagebatch_core.resource import BatchRecord
from imagebatch_operator.policies.decide import decide
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.status import status_of_unreadable
from support.health import read
from unit.operator.builders import NOW, batch
from unit.operator.paths import (
    DEGRADED,
    FAILED,
    IN_PROGRESS,
    PATHS,
    PROGRESSING,
    TERMINATING,
    written,
)

ENDS = {name: path for name, path in PATHS.items() if path.reason}


def statuses(bodies: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return by name the statuses of kstatus and of Argo CD."""
    found = read(bodies.values())
    return {
        name: (one.kstatus.status, one.argocd.status)
        for name, one in zip(bodies, found, strict=True)
    }


def test_kstatus_and_argo_cd_read_every_path_rightly() -> None:
    bodies = {name: path.resource() for name, path in PATHS.items()}
    expected = {name: (path.kstatus, path.argocd) for name, path in PATHS.items()}
    assert statuses(bodies) == expected
    for body in bodies.values():
        body["status"]["conditions"].reverse()
    assert statuses(bodies) == expected, "the order of the conditions must not matter"


def test_the_message_says_what_the_batch_does_or_why_it_failed() -> None:
    names = ("no Job allowed", "too many failed", "suspended", "some failed", "compressing")
    found = read([PATHS[name].resource() for name in names])
    messages = dict(zip(names, (one.argocd.message for one in found), strict=True))
    assert messages["no Job allowed"].startswith("PodsBlocked: ")
    assert "exceeded quota" in messages["no Job allowed"]
    assert messages["too many failed"].startswith("TooManyFailed: ")
    assert messages["suspended"].startswith("SuspendedByUser")
    assert messages["some failed"].startswith("CompletedWithFailures: ")
    assert messages["compressing"].startswith("Compressing: ")


def test_a_change_after_the_end_is_in_progress_until_it_is_seen() -> None:
    changed, seen = {}, {}
    for name, path in ENDS.items():
        ended = path.status()
        builder = batch().spec(ttlSecondsAfterFinished=60).with_status(ended).generation(2)
        changed[name] = builder.body()
        seen[name] = written(builder, decide(builder.build(), Observation(), NOW).status)
    assert set(statuses(changed).values()) == {(IN_PROGRESS, PROGRESSING)}
    assert statuses(seen) == {name: (path.kstatus, path.argocd) for name, path in ENDS.items()}


def test_a_batch_that_nobody_has_seen_is_in_progress() -> None:
    body = batch().status(observedGeneration=-1).body()  # the CRD's default
    assert statuses({"new": body}) == {"new": (IN_PROGRESS, PROGRESSING)}


def test_a_batch_that_is_being_deleted_is_terminating() -> None:
    [one] = read([batch().deleted().body()])  # Argo CD itself calls each such resource Progressing
    assert one.kstatus.status == TERMINATING


def test_a_batch_whose_spec_cannot_be_read_has_failed_until_the_operator_is_newer() -> None:
    builder = batch()
    record = BatchRecord.from_object(builder.body())
    body = written(builder, status_of_unreadable(record, "spec.output.format", NOW))
    assert statuses({"unreadable": body}) == {"unreadable": (FAILED, DEGRADED)}


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("return 'Healthy'", "returned a string"),
        ("return {status = 'Fine'}", '"Fine"'),
        ("while true do end", "deadline exceeded"),
        ("return {status = string.lower('HEALTHY')}", "attempt to index"),
        ("return {status = os.getenv('HOME')}", "attempt to index"),
    ],
)
def test_a_check_that_argo_cd_would_not_take_is_refused(check: str, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        read([batch().body()], check)
