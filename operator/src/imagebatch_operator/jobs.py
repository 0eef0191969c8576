"""Construct the Jobs of a batch from the batch and the settings alone."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final

from imagebatch_core import names
from imagebatch_core.job import Step
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.policies import runner_overrides
from imagebatch_operator.policies.actions import CreateJob, PatchJob

from .job_labels import labels, priority_label
from .runner_document import INLINE_KEY, plans_only, runner_job
from .s3_secret import DEFAULT, S3Secret
from .settings import Resources, Settings

_GRACE_SECONDS: Final = 60
_USER: Final = 65532


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
        "data": {INLINE_KEY: batch.spec.source.inline},
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
            # Not in the template: it may change while the Job waits or runs.
            "labels": {**template["metadata"]["labels"], **priority_label(batch)},
            "annotations": {
                names.ANNOTATION_TEMPLATE: template_hash(batch, action, settings, secret),
                **({names.ANNOTATION_WAITS: "true"} if action.waits else {}),
                **({names.ANNOTATION_PLANS_ONLY: "true"} if plans_only(batch, action) else {}),
                **({names.ANNOTATION_SHARDS: action.numbers} if action.numbers else {}),
            },
            "ownerReferences": [owner_reference(batch)],
        },
        "spec": spec,
    }


def job_patch(action: PatchJob) -> dict[str, Any]:
    """Return the merge patch that changes a Job as an action says."""
    spec = {"suspend": action.suspend, "parallelism": action.parallelism}
    changed: dict[str, Any] = {key: value for key, value in spec.items() if value is not None}
    patch: dict[str, Any] = {"spec": changed} if changed else {}
    if action.priority_class is not None:
        patch["metadata"] = {"labels": {names.LABEL_KUEUE_PRIORITY: action.priority_class}}
    return patch


def pod_template(
    batch: ImageBatch,
    action: CreateJob,
    settings: Settings,
    secret: S3Secret | None = DEFAULT,
    *,
    for_record: bool = True,
) -> dict[str, Any]:
    """Return the pod template of a Job; it is equal for equal settings and the same Secret.

    ``for_record`` says whether it holds what plan and collect write into the request's record.
    """
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
        "spec": _pod(batch, action, settings, secret, for_record=for_record),
    }


def template_hash(
    batch: ImageBatch, action: CreateJob, settings: Settings, secret: S3Secret | None = DEFAULT
) -> str:
    """Return the hash of a Job's pod template, by which a Job with outdated settings is found.

    It leaves out what is only for the request's record: a change of that needs no new Job.
    """
    template = pod_template(batch, action, settings, secret, for_record=False)
    return sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()


def _pod(
    batch: ImageBatch,
    action: CreateJob,
    settings: Settings,
    s3_secret: S3Secret | None,
    *,
    for_record: bool,
) -> dict[str, Any]:
    document = runner_job(batch, action, settings.ceilings)
    if not for_record:
        document = document.model_copy(update={"asked": None})
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
                        "value": document.model_dump_json(by_alias=True, exclude_none=True),
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


def _mounted(batch: ImageBatch) -> str | None:
    source = batch.spec.source
    if source.config_map is not None:
        return source.config_map.name
    return inline_name(batch) if source.inline is not None else None
