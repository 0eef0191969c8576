"""The document that describes a batch to the pods of one Job."""

from __future__ import annotations

from typing import Final

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.job import Asked, JobSource, RunnerJob, Step
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shortened import shortened
from imagebatch_core.shown_url import shown_url
from imagebatch_core.source import Source
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.early_shards import expected_shards
from imagebatch_operator.policies.shards import first_shard

#: Key of the inline CSV in its ConfigMap.
INLINE_KEY: Final = "products.csv"
_NOT_REACHED: Final = "not reached before the batch ended early"
#: Characters of a name or user that are recorded; the gateway sets at most 255.
_LONGEST_ANNOTATION: Final = 1000


def plans_only(batch: ImageBatch, action: CreateJob) -> bool:
    """Return whether the pod of a Job ends after plan because of ``spec.suspendAfter``."""
    return action.step is Step.PLAN and batch.spec.suspend_after is not None


def runner_job(batch: ImageBatch, action: CreateJob, ceilings: Ceilings = NO_CEILINGS) -> RunnerJob:
    """Return the document that describes the batch to the runner."""
    spec, plans = batch.spec, action.step is Step.PLAN
    ending = batch.status.ending if action.step is Step.COLLECT else None
    return RunnerJob(
        namespace=batch.namespace,
        name=batch.name,
        uid=batch.uid,
        source=_job_source(spec.source),
        output=spec.output,
        images_per_shard=spec.images_per_shard,
        # Only for plan: elsewhere a change would make the Job's pod template outdated.
        parallelism=ceilings.parallelism_of(spec.parallelism) if plans else 1,
        expected_shards=expected_shards(batch, ceilings) if plans else None,
        ceilings=ceilings if plans and ceilings != NO_CEILINGS else None,
        retries=spec.retries,
        dry_run=spec.dry_run,
        suspend_after_plan=plans_only(batch, action),
        deletion_policy=spec.deletion_policy,
        reuse_from=batch.status.reuse.uid if batch.status.reuse else None,
        root=batch.status.storage,
        reuse_root=batch.status.reuse.storage if batch.status.reuse else None,
        not_processed=f"{_NOT_REACHED}: {ending.message}" if ending else None,
        ended_by=ending.reason if ending else None,
        max_failed_percent=spec.max_failed_percent,
        asked=None if action.step is Step.COMPRESS else _asked(batch),
        first_shard=first_shard(action.chunk),
        shards=action.numbers or None,
        wait=action.waits,
    )


def _asked(batch: ImageBatch) -> Asked:
    """Return what the record of the request says of the resource."""
    webhook = batch.spec.webhook
    return Asked(
        created_at=batch.creation_timestamp,
        file_name=_annotation(batch, names.ANNOTATION_FILE_NAME),
        display_name=_annotation(batch, names.ANNOTATION_DISPLAY_NAME),
        created_by=_annotation(batch, names.ANNOTATION_CREATED_BY),
        webhook_url=shown_url(webhook.url) if webhook else None,
        parallelism=batch.spec.parallelism,
    )


def _annotation(batch: ImageBatch, name: str) -> str | None:
    """Return the beginning of an annotation: all of it may not fit in a variable of a pod."""
    value = batch.annotations.get(name)
    return None if value is None else shortened(value, _LONGEST_ANNOTATION)


def _job_source(source: Source) -> JobSource:
    table = JobSource(sheet=source.sheet, columns=source.columns, base_url=source.base_url)
    if source.s3 is not None:
        return table.model_copy(update={"key": source.s3.key})
    if source.retry_of is not None:
        return JobSource(retry=source.retry_of.only)
    if source.url is not None:
        return table.model_copy(update={"url": source.url})
    key = source.config_map.key if source.config_map is not None else INLINE_KEY
    return table.model_copy(update={"path": f"{names.SOURCE_MOUNT}/{key}"})
