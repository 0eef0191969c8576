"""Construct the Jobs of a batch from the batch and the settings alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.job import Asked, JobSource, RunnerJob, Step
from imagebatch_core.resource import ImageBatch
from imagebatch_core.shown_url import shown_url
from imagebatch_core.source import Source
from imagebatch_operator.policies import runner_overrides
from imagebatch_operator.policies.actions import CreateJob
from imagebatch_operator.policies.shards import first_shard

from .s3_secret import DEFAULT, S3Secret
from .settings import Resources, Settings

_INLINE_KEY: Final = "products.csv"
_GRACE_SECONDS: Final = 60
_USER: Final = 65532
_NOT_REACHED: Final = "not reached before the batch ended early"
_LABEL_VALUE_LIMIT: Final = 63


def job_name(batch: ImageBatch, step: Step, chunk: int, run: int) -> str:
    """Return the name of a Job: ``<name, cut to 40>-<uid, cut to 8>-<plan|s0…|collect>-r<run>``."""
    short = f"s{chunk}" if step is Step.COMPRESS else step.value
    return f"{batch.name[:40].rstrip('-.')}-{batch.uid[:8]}-{short}-r{run}".replace(".", "-")


def inline_name(batch: ImageBatch) -> str:
    return f"{batch.name[:40].rstrip('-.')}-{batch.uid[:8]}-source".replace(".", "-")


def owner_reference(batch: ImageBatch) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": batch.name,
        "uid": batch.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def labels(batch: ImageBatch) -> dict[str, str]:
    own = {
        "app.kubernetes.io/name": "imagebatch-runner",
        "app.kubernetes.io/managed-by": "imagebatch-operator",
        names.LABEL_BATCH: batch.name[:_LABEL_VALUE_LIMIT].rstrip("-."),
        names.LABEL_BATCH_UID: batch.uid,
    }
    # A batch that ends early must not wait for its queue: only its report is left to write.
    early = batch.status.ending is not None
    kueue = () if early else (names.LABEL_KUEUE_QUEUE, names.LABEL_KUEUE_PRIORITY)
    return own | {name: batch.labels[name] for name in kueue if batch.labels.get(name)}


def inline_config_map(batch: ImageBatch) -> dict[str, Any]:
    """Return a ConfigMap of the inline CSV for the runner to mount: it may not read the batch."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": inline_name(batch),
            "namespace": batch.namespace,
            "labels": labels(batch),
            "ownerReferences": [owner_reference(batch)],
        },
        "immutable": True,
        "data": {_INLINE_KEY: batch.spec.source.inline},
    }


def construct_job(
    batch: ImageBatch, action: CreateJob, settings: Settings, secret: S3Secret | None = DEFAULT
) -> dict[str, Any]:
    """Return the Job that an action asks for; ``secret`` holds the key pair of its namespace."""
    template = pod_template(batch, action, settings, secret)
    spec: dict[str, Any] = {"template": template}
    if action.step is Step.COMPRESS:
        # No podFailurePolicy: it requires podReplacementPolicy Failed, with which a pod on a lost
        # node is never replaced.
        spec |= {
            "completionMode": "Indexed",
            "completions": action.shards,
            "parallelism": settings.ceilings.parallelism_of(batch.spec.parallelism),
            "backoffLimitPerIndex": 6,
            "podReplacementPolicy": "TerminatingOrFailed",
        }
    else:
        spec |= {"backoffLimit": 6, "podReplacementPolicy": "TerminatingOrFailed"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(batch, action.step, action.chunk, action.run),
            "namespace": batch.namespace,
            "labels": template["metadata"]["labels"],
            "annotations": {
                names.ANNOTATION_TEMPLATE: template_hash(template),
                **({names.ANNOTATION_WAITS: "true"} if action.waits else {}),
                **({names.ANNOTATION_SHARDS: action.numbers} if action.numbers else {}),
            },
            "ownerReferences": [owner_reference(batch)],
        },
        "spec": spec,
    }


def pod_template(
    batch: ImageBatch, action: CreateJob, settings: Settings, secret: S3Secret | None = DEFAULT
) -> dict[str, Any]:
    """Return the pod template of a Job; it is equal for equal settings and the same Secret."""
    runner = batch.spec.runner
    mark = {
        **((runner and runner.pod_labels) or {}),
        **labels(batch),
        names.LABEL_STEP: (
            f"{action.step}-{action.chunk}" if action.step is Step.COMPRESS else action.step.value
        ),
        names.LABEL_RUN: str(action.run),
    }
    annotations = {
        **settings.runner_pod_annotations,
        **((runner and runner.pod_annotations) or {}),
    }
    return {
        "metadata": {"labels": mark, "annotations": annotations},
        "spec": _pod(batch, action, settings, secret),
    }


def template_hash(template: Mapping[str, Any]) -> str:
    return sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()


def _pod(
    batch: ImageBatch, action: CreateJob, settings: Settings, s3_secret: S3Secret | None
) -> dict[str, Any]:
    scratch = {"sizeLimit": settings.runner_scratch_size}
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": scratch}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    mounted = _mounted(batch)
    # Only plan reads the source; the later steps use plan's copy.
    if mounted is not None and action.step is Step.PLAN:
        volumes.append({"name": "source", "configMap": {"name": mounted}})
        mounts.append({"name": "source", "mountPath": names.SOURCE_MOUNT, "readOnly": True})
    env: list[dict[str, Any]] = s3_secret.env() if s3_secret is not None else []
    secret = settings.fetch_credentials_secret
    if secret is not None and action.step is not Step.COLLECT:
        # Not optional: it is better that a pod waits for its Secret than that all fetches get 401.
        volumes.append(
            {"name": "credentials", "secret": {"secretName": secret, "defaultMode": 0o440}}
        )
        mounts.append(
            {"name": "credentials", "mountPath": names.CREDENTIALS_MOUNT, "readOnly": True}
        )
        env.append(
            {
                "name": names.ENV_FETCH_CREDENTIALS_FILE,
                "value": f"{names.CREDENTIALS_MOUNT}/{names.CREDENTIALS_KEY}",
            }
        )
    return {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "imagePullSecrets": [{"name": name} for name in settings.runner_pull_secrets],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "runner",
                "image": settings.runner_image,
                "imagePullPolicy": settings.runner_pull_policy,
                "args": [action.step.value],
                "env": [
                    {
                        "name": names.ENV_JOB,
                        "value": runner_job(batch, action, settings.ceilings).model_dump_json(
                            by_alias=True, exclude_none=True
                        ),
                    },
                    {
                        "name": names.ENV_POD_UID,
                        "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}},
                    },
                    *env,
                ],
                "envFrom": [{"configMapRef": {"name": names.RUNNER_CONFIG_MAP}}],
                "resources": runner_overrides.resources(batch.spec.runner, _resources(settings)),
                "terminationMessagePolicy": "File",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
        **_isolation(settings),
        **runner_overrides.placement(batch.spec.runner, settings.runner_placement),
    }


def _isolation(settings: Settings) -> dict[str, Any]:
    """Return what separates the pod from its node beyond the container's own security context."""
    chosen = {
        "runtimeClassName": settings.runner_runtime_class,
        "hostUsers": settings.runner_host_users,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _resources(settings: Settings) -> Resources:
    """Return the container's resources, with the request for scratch space if there is one."""
    resources = settings.runner_resources
    if settings.runner_scratch_request is None:
        return resources
    scratch = {"ephemeral-storage": settings.runner_scratch_request}
    return {**resources, "requests": {**scratch, **resources.get("requests", {})}}


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
        ceilings=ceilings if plans and ceilings != NO_CEILINGS else None,
        retries=spec.retries,
        dry_run=spec.dry_run,
        suspend_after_plan=plans and spec.suspend_after is not None,
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
        file_name=batch.annotations.get(names.ANNOTATION_FILE_NAME),
        display_name=batch.annotations.get(names.ANNOTATION_DISPLAY_NAME),
        created_by=batch.annotations.get(names.ANNOTATION_CREATED_BY),
        webhook_url=shown_url(webhook.url) if webhook else None,
        parallelism=batch.spec.parallelism,
    )


def _job_source(source: Source) -> JobSource:
    table = JobSource(sheet=source.sheet, columns=source.columns, base_url=source.base_url)
    if source.s3 is not None:
        return table.model_copy(update={"key": source.s3.key})
    if source.retry_of is not None:
        return JobSource(retry=source.retry_of.only)
    if source.url is not None:
        return table.model_copy(update={"url": source.url})
    key = source.config_map.key if source.config_map is not None else _INLINE_KEY
    return table.model_copy(update={"path": f"{names.SOURCE_MOUNT}/{key}"})


def _mounted(batch: ImageBatch) -> str | None:
    source = batch.spec.source
    if source.config_map is not None:
        return source.config_map.name
    return inline_name(batch) if source.inline is not None else None
