"""Look at a sample of a batch's images before the plan is stored.

For every batch: does any of their hosts answer? For a dry run and a batch that is held after plan:
what do the images look like, and what will the batch take?
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from imagebatch_runner.fetch.reachable import check_reachable, guarded_connect
from imagebatch_runner.store.documents import Plan

from .batch import Batch

log = logging.getLogger(__name__)


def look_at_sample(batch: Batch, plan: Plan, urls: Sequence[str]) -> Plan:
    """Return the plan with what a look at these images of the batch gave.

    Raises:
        SourcesUnreachable: no host of these images accepts a connection.
    """
    settings = batch.settings
    connect = guarded_connect(settings.egress_rules, settings.fetch_connect_seconds)
    check_reachable(urls, connect, settings.unreachable_seconds, time.sleep)
    if not (batch.job.dry_run or batch.job.suspend_after_plan):
        return plan
    # They load the HTTP client, which plan needs only here.
    from imagebatch_core.egress import size_lookup_threads  # noqa: PLC0415

    from .trial import try_out  # noqa: PLC0415

    async def tried() -> Plan:
        size_lookup_threads(settings.fetch_concurrency)
        trial = await try_out(batch, urls)
        log.info("%s, in %.1f s", trial.sentence(), trial.seconds)
        pods = max(1, min(batch.job.parallelism, plan.shards))
        found = {
            "estimate": trial.estimate(plan.images, pods),
            "notices": (*plan.notices[:7], trial.sentence()),
        }
        return plan.model_copy(update=found)

    return asyncio.run(tried())
