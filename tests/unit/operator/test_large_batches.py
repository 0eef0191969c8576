"""A batch of more shards than one Job may have, with the limit lowered to one shard."""

from __future__ import annotations

import pytest

from imagebatch_core.names import LABEL_STEP
from imagebatch_core.reasons import Phase
from imagebatch_operator.policies import shards
from imagebatch_operator.settings import Settings
from unit.operator.builders import batch
from unit.operator.fakecluster import SHARDS, FakeCluster
from unit.operator.life import Life, applied, result, without_times

SETTINGS = Settings(runner_image="runner:1")


@pytest.fixture(autouse=True)
def _one_shard_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_JOB", 1)


class Watched(FakeCluster):
    """Keeps the largest number of shard Jobs that were there at once."""

    most = 0
    made = 0

    def run_jobs(self) -> bool:
        steps = [job["metadata"]["labels"][LABEL_STEP] for job in self.jobs()]
        there = [step for step in steps if step.startswith("compress-")]
        self.most = max(self.most, len(there))
        self.made = max([self.made, *(int(step.partition("-")[2]) + 1 for step in there)])
        return super().run_jobs()


def cluster() -> Watched:
    watched = Watched()
    watched.objects.update(applied(batch()).objects)
    return watched


async def test_each_shard_job_is_deleted_once_the_next_one_runs() -> None:
    made = cluster()
    await Life(made, SETTINGS).to_the_end()
    status = result(made).status
    assert status.phase is Phase.COMPLETED
    assert status.shards is not None
    assert (status.shards.done, status.shards.failed) == (SHARDS, 0)
    assert (made.made, made.most) == (SHARDS, 2)


@pytest.mark.parametrize("lost", [True, False], ids=["before", "after"])
async def test_killed_at_any_write_it_comes_to_the_same_end(lost: bool) -> None:
    whole = cluster()
    await Life(whole, SETTINGS).to_the_end()
    for number in range(1, len(whole.writes) + 1):
        made = cluster()
        made.crash_at, made.lost = number, lost
        await Life(made, SETTINGS).to_the_end()
        assert without_times(result(made)) == without_times(result(whole)), f"write {number}"
        assert made.jobs() == []


async def test_shards_that_failed_in_a_deleted_job_stay_counted() -> None:
    made = cluster()
    made.exit_code["compress"] = 137
    await Life(made, SETTINGS).to_the_end()
    status = result(made).status
    assert status.shards is not None
    assert (status.shards.done, status.shards.failed) == (0, SHARDS)
