"""Names that the chart, the operator, the gateway and the runner agree on, each named once."""

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

# Labels of the child objects. The uid selects all of one batch, whatever was re-created.
LABEL_BATCH: Final = f"{GROUP}/batch"
LABEL_BATCH_UID: Final = f"{GROUP}/batch-uid"
LABEL_STEP: Final = f"{GROUP}/step"
LABEL_RUN: Final = f"{GROUP}/run"
LABEL_KUEUE_QUEUE: Final = "kueue.x-k8s.io/queue-name"
#: Of a Job: hash of the pod template that it was made with.
ANNOTATION_TEMPLATE: Final = f"{GROUP}/template-sha256"
# Set by the gateway: hash of an upload's file and options, by which it knows a repeated upload.
ANNOTATION_PAYLOAD_DIGEST: Final = f"{GROUP}/payload-sha256"
#: The file's name as it was uploaded, a name for people, and who made the request.
ANNOTATION_FILE_NAME: Final = f"{GROUP}/file-name"
ANNOTATION_DISPLAY_NAME: Final = f"{GROUP}/display-name"
ANNOTATION_CREATED_BY: Final = f"{GROUP}/created-by"

# Objects that the chart renders into every namespace that may hold batches.
RUNNER_SERVICE_ACCOUNT: Final = "imagebatch-runner"
RUNNER_CONFIG_MAP: Final = "imagebatch-runner"
#: Signs the webhooks of a namespace's batches where the release's own secret does not.
WEBHOOK_SECRET: Final = "imagebatch-webhook"  # noqa: S105 - the name of a Secret, not one
WEBHOOK_SECRET_KEY: Final = "secret"  # noqa: S105
RUNNER_STORAGE_SECRET: Final = "imagebatch-s3"  # noqa: S105 - the name of a Secret, not one

# The runner's environment.
ENV_JOB: Final = "IMAGEBATCH_JOB"
ENV_STORE: Final = "IMAGEBATCH_STORE"
ENV_PUBLIC_BASE_URL: Final = "IMAGEBATCH_PUBLIC_BASE_URL"
ENV_POD_UID: Final = "IMAGEBATCH_POD_UID"
ENV_COMPLETION_INDEX: Final = "JOB_COMPLETION_INDEX"
SOURCE_MOUNT: Final = "/var/run/imagebatch/source"
ENV_FETCH_CREDENTIALS_FILE: Final = "IMAGEBATCH_FETCH_CREDENTIALS_FILE"
#: Where the Secret of request headers is mounted, and its key there.
CREDENTIALS_MOUNT: Final = "/var/run/imagebatch/credentials"
CREDENTIALS_KEY: Final = "credentials.json"
TERMINATION_LOG: Final = "/dev/termination-log"

# What Kubernetes lets an object and a namespace be called (RFC 1123: subdomain and label).
OBJECT_NAME: Final = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
LONGEST_OBJECT_NAME: Final = 253
NAMESPACE: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def is_object_name(text: str) -> bool:
    """Whether an object can have this name: no stranger's text becomes a path of the API server."""
    return len(text) <= LONGEST_OBJECT_NAME and re.fullmatch(OBJECT_NAME, text) is not None
