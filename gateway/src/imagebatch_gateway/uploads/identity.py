"""What tells one upload from another: requestId, digest, and the annotations that record them."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import Final

from imagebatch_core import names
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_gateway.answers.problems import idempotency_key_reused

from .csv_check import CsvFacts
from .form import CheckedForm

#: Number of characters to which a file name is cut.
_LONGEST_NAME: Final = 255
#: Namespace of the UUIDs made from idempotency keys.
_IDEMPOTENCY: Final = uuid.UUID("3d4f9f7e-63a5-5c0b-9a27-6f8f4a1c2b10")


def request_id_for(namespace: str, caller: str, idempotency_key: str | None) -> str:
    """Return a UUID for a new request: random, or derived from the idempotency key.

    The same key always gives the same UUID. It is the batch's name, so the API server refuses a
    second batch for the same key.
    """
    if idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_IDEMPOTENCY, json.dumps([namespace, caller, idempotency_key])))


def payload_digest(form: CheckedForm, facts: CsvFacts) -> str:
    """Return a SHA-256 over the file's hash and the options that differ from their defaults.

    Defaults are left out, so that an upload keeps its digest when a later release adds an option.
    """
    spec = form.template.model_dump(
        mode="json", by_alias=True, exclude={"source"}, exclude_defaults=True
    )
    read = form.source.model_dump(mode="json", by_alias=True, exclude={"s3"}, exclude_defaults=True)
    if read:
        spec["source"] = read
    canonical = json.dumps([facts.sha256, spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def spec_digest(spec: ImageBatchSpec, name: str | None) -> str:
    """Return a SHA-256 over the name and the fields of a spec that differ from their defaults."""
    asked = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    canonical = json.dumps([name, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def annotations_of(
    digest: str,
    created_by: str | None,
    *,
    name: str | None = None,
    file_name: str | None = None,
    facts: CsvFacts | None = None,
) -> dict[str, str]:
    """Return the annotations of a new batch. Empty facts are left out."""
    found = {names.ANNOTATION_PAYLOAD_DIGEST: digest}
    if created_by:
        found[names.ANNOTATION_CREATED_BY] = created_by
    if name:
        found[names.ANNOTATION_DISPLAY_NAME] = name
    # Some browsers send the file's whole path on the user's machine.
    shown = re.split(r"[/\\]", file_name or "")[-1][:_LONGEST_NAME]
    if shown:
        found[names.ANNOTATION_FILE_NAME] = shown
    if facts is not None and facts.whole:
        found[names.ANNOTATION_IMAGES] = str(facts.images)
    return found


def same_payload(earlier: ImageBatch, digest: str) -> str:
    """Return the name of the earlier batch. Raises Problem 422 if it was made from another
    upload."""
    if earlier.annotations.get(names.ANNOTATION_PAYLOAD_DIGEST) != digest:
        raise idempotency_key_reused()
    return earlier.name


def source_key(batch: ImageBatch) -> str | None:
    """Return the key of the upload that a batch was made from, if it was."""
    return batch.spec.source.s3.key if batch.spec.source.s3 else None
