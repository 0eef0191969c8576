"""The names that chart, operator, gateway and runner share, each defined once."""

from __future__ import annotations

import re
from typing import Final

GROUP: Final = "imagebatch.dev"
VERSION: Final = "v1alpha1"
KIND: Final = "ImageBatch"
PLURAL: Final = "imagebatches"
SINGULAR: Final = "imagebatch"
SHORT_NAME: Final = "ib"
API_VERSION: Final = f"{GROUP}/{VERSION}"

# Labels of the child objects. The uid selects one batch's objects, and none of a re-created batch.
LABEL_BATCH: Final = f"{GROUP}/batch"
LABEL_BATCH_UID: Final = f"{GROUP}/batch-uid"
LABEL_STEP: Final = f"{GROUP}/step"
LABEL_RUN: Final = f"{GROUP}/run"
LABEL_KUEUE_QUEUE: Final = "kueue.x-k8s.io/queue-name"
#: Kueue's own priority of a Job.
LABEL_KUEUE_PRIORITY: Final = "kueue.x-k8s.io/priority-class"
#: Annotation of a Job: hash of the pod template that it was created with.
ANNOTATION_TEMPLATE: Final = f"{GROUP}/template-sha256"
#: On a Job of collect that waits for the last images, and on one of shards that waits for the plan.
ANNOTATION_WAITS: Final = f"{GROUP}/waits"
#: On a Job of plan whose pod ends after plan, even if the batch has one shard.
ANNOTATION_PLANS_ONLY: Final = f"{GROUP}/plans-only"
#: On a Job that runs the shards that failed once more: their numbers.
ANNOTATION_SHARDS: Final = f"{GROUP}/shards"
#: On an ImageBatch: each new value sends the webhook's event once more.
ANNOTATION_REPLAY_WEBHOOK: Final = f"{GROUP}/replay-webhook"
#: On an ImageBatch: the number of images in its source, where that is known before plan. With it
#: the pods of the shards start while plan runs.
ANNOTATION_IMAGES: Final = f"{GROUP}/images"
# Set by the gateway: hash of an upload's file and options, to recognise a repeated upload.
ANNOTATION_PAYLOAD_DIGEST: Final = f"{GROUP}/payload-sha256"
#: Name of the uploaded file, a name for people, and the user who made the request.
ANNOTATION_FILE_NAME: Final = f"{GROUP}/file-name"
ANNOTATION_DISPLAY_NAME: Final = f"{GROUP}/display-name"
ANNOTATION_CREATED_BY: Final = f"{GROUP}/created-by"

# Objects that the chart renders into every namespace that may hold batches.
RUNNER_SERVICE_ACCOUNT: Final = "imagebatch-runner"
RUNNER_CONFIG_MAP: Final = "imagebatch-runner"
#: Secret that signs webhooks in namespaces for which the release's own secret does not.
WEBHOOK_SECRET: Final = "imagebatch-webhook"  # noqa: S105 - the name of a Secret, not one
WEBHOOK_SECRET_KEY: Final = "secret"  # noqa: S105
RUNNER_STORAGE_SECRET: Final = "imagebatch-s3"  # noqa: S105 - the name of a Secret, not one
# Entries of the runner's ConfigMap: which Secret holds the namespace's S3 key pair, and which keys
# of the Secret. With an empty name there is none: the pods' service account has the rights.
S3_SECRET_NAME: Final = "S3_SECRET_NAME"  # noqa: S105
S3_SECRET_KEY_OF_ID: Final = "S3_SECRET_KEY_OF_ID"  # noqa: S105
S3_SECRET_KEY_OF_SECRET: Final = "S3_SECRET_KEY_OF_SECRET"  # noqa: S105
#: Entry of the runner's ConfigMap: ceilings of the namespace's owner, as JSON.
NAMESPACE_CEILINGS: Final = "CEILINGS"
#: Variables of a key pair: its id and its secret.
KEY_PAIR: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: Where a user finds the Secret of a key pair that is missing.
KEY_PAIR_HINT: Final = (
    "in a cluster: s3.existingSecret or s3.credentials of the chart names its Secret"
)

#: Secret of the release's namespace that holds the hashes of the gateway's API keys.
API_KEYS_SECRET: Final = "imagebatch-api-keys"  # noqa: S105 - the name of a Secret, not one

# The runner's environment.
ENV_JOB: Final = "IMAGEBATCH_JOB"
ENV_STORE: Final = "IMAGEBATCH_STORE"
ENV_PUBLIC_BASE_URL: Final = "IMAGEBATCH_PUBLIC_BASE_URL"
ENV_POD_UID: Final = "IMAGEBATCH_POD_UID"
ENV_COMPLETION_INDEX: Final = "JOB_COMPLETION_INDEX"
SOURCE_MOUNT: Final = "/var/run/imagebatch/source"
ENV_FETCH_CREDENTIALS_FILE: Final = "IMAGEBATCH_FETCH_CREDENTIALS_FILE"
#: Mount path of the Secret of request headers, and its key.
CREDENTIALS_MOUNT: Final = "/var/run/imagebatch/credentials"
CREDENTIALS_KEY: Final = "credentials.json"
TERMINATION_LOG: Final = "/dev/termination-log"

# Valid names of objects and namespaces in Kubernetes (RFC 1123: subdomain and label).
OBJECT_NAME: Final = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
LONGEST_OBJECT_NAME: Final = 253
NAMESPACE: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def is_object_name(text: str) -> bool:
    """Return whether a text is a valid object name, so that it can be part of an API server
    path."""
    return len(text) <= LONGEST_OBJECT_NAME and re.fullmatch(OBJECT_NAME, text) is not None
