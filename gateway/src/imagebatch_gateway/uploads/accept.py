"""An upload becomes an object in the store and an ImageBatch, in that order."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import uuid
from dataclasses import dataclass
from typing import IO, Final

import anyio
import anyio.to_thread

from imagebatch_core import names
from imagebatch_core.keys import upload_key
from imagebatch_core.resource import ImageBatch
from imagebatch_gateway.answers.problems import idempotency_key_reused, invalid_options
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import (
    BatchExists,
    BatchMissing,
    ClusterUnavailable,
    GatewayError,
)
from imagebatch_gateway.backends.objects import Objects

from .csv_check import CsvFacts, check_csv
from .form import CheckedForm

_log = logging.getLogger(__name__)

#: Namespace of the UUIDs made from idempotency keys.
_IDEMPOTENCY: Final = uuid.UUID("3d4f9f7e-63a5-5c0b-9a27-6f8f4a1c2b10")


@dataclass(frozen=True, slots=True)
class Accepted:
    """``replayed``: an earlier request with the same idempotency key had made it."""

    request_id: str
    facts: CsvFacts
    replayed: bool


class Uploads:
    """Accepts uploads for one namespace.

    ``at_once`` bounds how many CSVs are checked and stored at the same time.
    """

    def __init__(self, objects: Objects, batches: Batches, namespace: str, *, at_once: int) -> None:
        self._objects = objects
        self._batches = batches
        self._namespace = namespace
        self._threads = anyio.CapacityLimiter(at_once)

    async def accept(
        self, form: CheckedForm, idempotency_key: str | None, *, caller: str = ""
    ) -> Accepted:
        """Check, store, create.

        Raises InputRefused for the file, Problem for a key that was used for something else or an
        unknown request to reuse, and the errors of the store
        and the cluster; whatever is raised, nothing is left behind that will be worked on.
        """
        file = form.file.file
        facts = await anyio.to_thread.run_sync(check_csv, file, limiter=self._threads)
        digest = payload_digest(form, facts)
        request_id = request_id_for(self._namespace, caller, idempotency_key)
        if idempotency_key is not None:
            earlier = await self._find(request_id)
            if earlier is not None:
                return Accepted(_same_payload(earlier, digest), facts, replayed=True)
        await self._check_reuse(form)
        key = upload_key(self._namespace, request_id, secrets.token_hex(8))
        await anyio.to_thread.run_sync(self._store, key, file, limiter=self._threads)
        replayed = await self._create(form, request_id, key, digest)
        return Accepted(request_id, facts, replayed)

    async def _check_reuse(self, form: CheckedForm) -> None:
        reused = form.template.reuse_from
        if reused is not None and await self._find(reused.name) is None:
            raise invalid_options(("reuseFrom", f"there is no request {reused.name}"))

    def _store(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        self._objects.put_file(key, file)

    async def _create(self, form: CheckedForm, request_id: str, key: str, digest: str) -> bool:
        """True when another request had created it. The object never outlives a refusal."""
        annotations = {names.ANNOTATION_PAYLOAD_DIGEST: digest}
        try:
            await self._batches.create(request_id, form.spec_for(key), annotations)
        except BatchExists:
            # Either a request with the same key was faster, or our own was sent twice.
            earlier = await self._batches.get(request_id)
            if _source_key(earlier) == key:
                return False
            await self._forget(key)
            _same_payload(earlier, digest)
            return True
        except ClusterUnavailable as error:
            if not error.undecided:
                await self._forget(key)
                raise
            # It may have been created: deleting its input would break a good batch, so the
            # object stays unless we learn more; the sweeper takes what nothing refers to.
            if await self._created_after_all(request_id, key):
                return False
            raise
        except GatewayError:
            await self._forget(key)
            raise
        return False

    async def _created_after_all(self, request_id: str, key: str) -> bool:
        try:
            batch = await self._find(request_id)
        except GatewayError:
            return False
        return batch is not None and _source_key(batch) == key

    async def _find(self, name: str) -> ImageBatch | None:
        try:
            return await self._batches.get(name)
        except BatchMissing:
            return None

    async def _forget(self, key: str) -> None:
        """Delete an upload that no batch refers to; the sweeper does it where this fails."""
        try:
            await self._objects.delete(key)
        except GatewayError:
            _log.warning("upload left for the sweeper", extra={"key": key}, exc_info=True)


def request_id_for(namespace: str, caller: str, idempotency_key: str | None) -> str:
    """A UUID; from an idempotency key always the same one, so that the name is the lock."""
    if idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_IDEMPOTENCY, json.dumps([namespace, caller, idempotency_key])))


def payload_digest(form: CheckedForm, facts: CsvFacts) -> str:
    """SHA-256 over the file's bytes and every option, defaults included."""
    spec = form.template.model_dump(mode="json", by_alias=True, exclude={"source"})
    canonical = json.dumps([facts.sha256, spec], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _same_payload(earlier: ImageBatch, digest: str) -> str:
    """The name of the earlier batch; Problem 422 when it was made from something else."""
    if earlier.annotations.get(names.ANNOTATION_PAYLOAD_DIGEST) != digest:
        raise idempotency_key_reused()
    return earlier.name


def _source_key(batch: ImageBatch) -> str | None:
    return batch.spec.source.s3.key if batch.spec.source.s3 else None
