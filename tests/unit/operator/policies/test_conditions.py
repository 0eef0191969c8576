"""The conditions, and Finished above all, on every path through the life of a batch."""

from __future__ import annotations

from typing import get_args

import pytest

from imagebatch_core.condition import Condition
from imagebatch_core.condition_reasons import SHOWN
from imagebatch_core.reasons import ConditionType, Reason
from imagebatch_core.resource import BatchRecord
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.policies.decide import decide, stage_of
from imagebatch_operator.policies.facts import Case
from imagebatch_operator.policies.observed import Observation
from imagebatch_operator.policies.stages import Stage
from imagebatch_operator.policies.status import status_of_unreadable
from unit.operator.builders import NOW, batch
from unit.operator.paths import PATHS


def condition(status: ImageBatchStatus, kind: ConditionType) -> Condition:
    found = status.condition(kind)
    assert found is not None
    return found


@pytest.mark.parametrize("path", PATHS)
def test_finished_is_true_with_the_reason_of_the_end_and_false_before_it(path: str) -> None:
    status, reason = PATHS[path].status(), PATHS[path].reason
    finished = condition(status, ConditionType.FINISHED)
    succeeded = condition(status, ConditionType.SUCCEEDED)
    assert finished.status == ("True" if reason else "False")
    assert finished.reason == succeeded.reason == (reason or Reason.IN_PROGRESS)
    assert finished.message == succeeded.message


@pytest.mark.parametrize("path", PATHS)
def test_a_condition_shows_only_reasons_that_the_reference_lists_for_it(path: str) -> None:
    for one in PATHS[path].status().conditions:
        assert one.reason in SHOWN[ConditionType(one.type)][one.status]


def test_the_paths_cover_every_stage() -> None:
    stages = {
        type(stage_of(Case.of(path.before.build(), path.seen, NOW))) for path in PATHS.values()
    }
    assert {kind.__name__ for kind in get_args(Stage)} - {kind.__name__ for kind in stages} == {
        "Over"  # tested below
    }


@pytest.mark.parametrize("path", [name for name, path in PATHS.items() if path.reason])
def test_conditions_follow_a_change_after_the_end(path: str) -> None:
    """kubectl wait counts no condition that refers to an older generation."""
    ended = PATHS[path].status()
    changed = batch().spec(ttlSecondsAfterFinished=60).with_status(ended).generation(2)
    status = decide(changed.build(), Observation(), NOW).status
    assert {one.observed_generation for one in status.conditions} == {2}
    before = [one.model_copy(update={"observed_generation": 2}) for one in ended.conditions]
    assert status.conditions == before


def test_a_condition_of_a_newer_operator_keeps_its_generation() -> None:
    newer = {
        "type": "Verified",
        "status": "True",
        "reason": "Checked",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-02T03:01:00Z",
    }
    changed = batch().status(conditions=[newer]).generation(2)
    status = decide(changed.build(), Observation(), NOW).status
    generations = {one.type: one.observed_generation for one in status.conditions}
    assert generations.pop("Verified") == 1
    assert set(generations.values()) == {2}


def test_a_batch_whose_spec_cannot_be_read_has_not_finished() -> None:
    record = BatchRecord.from_object(batch().body())
    status = status_of_unreadable(record, "spec.output.format", NOW)
    assert condition(status, ConditionType.FINISHED).status == "False"


def test_a_batch_that_an_older_release_ended_becomes_finished() -> None:
    ended = PATHS["too many failed"].status()
    kept = [one for one in ended.conditions if one.type != ConditionType.FINISHED]
    builder = batch().with_status(ended.model_copy(update={"conditions": kept}))
    status = decide(builder.build(), Observation(), NOW).status
    finished = condition(status, ConditionType.FINISHED)
    assert (finished.status, finished.reason) == ("True", Reason.TOO_MANY_FAILED)
