"""Checks and stores an upload, then creates its ImageBatch."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Final

import anyio
import anyio.to_thread

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.keys import upload_key
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import ImageBatchSpec, Source
from imagebatch_gateway.access.caller import Caller
from imagebatch_gateway.answers.problems import (
    client_gone,
    idempotency_key_reused,
    invalid_options,
)
from imagebatch_gateway.backends.batches import Batches
from imagebatch_gateway.backends.errors import (
    BatchExists,
    BatchMissing,
    ClusterUnavailable,
    GatewayError,
)
from imagebatch_gateway.backends.objects import Objects
from imagebatch_gateway.requests.history import History
from imagebatch_gateway.requests.retry import retried_batch

from .csv_check import CsvFacts, check_csv
from .form import CheckedForm
from .limits import check_ceilings, check_images
from .validation import Inspection, inspect

_log = logging.getLogger(__name__)

#: Number of characters to which a file name is cut.
_LONGEST_NAME: Final = 255
#: Namespace of the UUIDs made from idempotency keys.
_IDEMPOTENCY: Final = uuid.UUID("3d4f9f7e-63a5-5c0b-9a27-6f8f4a1c2b10")


async def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted upload. ``replayed``: an earlier call with the same idempotency key made it."""

    request_id: str
    facts: CsvFacts
    replayed: bool


class Uploads:
    """Accepts uploads for one namespace.

    ``prefix`` is the prefix of all keys in the bucket; ``spec.source.s3.key`` does not contain it.
    ``threads`` limits the number of files that are checked and stored at the same time. ``rules``
    say which addresses are never fetched.
    ``created_by`` is recorded in the batch; ``caller_id`` keeps the idempotency keys of callers
    apart.
    """

    def __init__(
        self,
        objects: Objects,
        batches: Batches,
        history: History,
        namespace: str,
        *,
        prefix: str = "",
        threads: anyio.CapacityLimiter,
        rules: EgressRules,
        ceilings: Ceilings = NO_CEILINGS,
        created_by: str | None = None,
        caller_id: str = "",
    ) -> None:
        self._objects = objects
        self._history = history
        self._batches = batches
        self._namespace = namespace
        self._prefix = prefix
        self._threads = threads
        self._rules = rules
        self._ceilings = ceilings
        self._created_by = created_by
        self._caller_id = caller_id

    def acting_for(self, caller: Caller, batches: Batches, history: History) -> Uploads:
        """Return the same service for a caller; ``batches`` and ``history`` belong to the caller's
        namespace.
        """
        return Uploads(
            self._objects,
            batches,
            history,
            caller.namespace,
            prefix=self._prefix,
            threads=self._threads,
            rules=self._rules,
            ceilings=self._ceilings,
            created_by=caller.name,
            caller_id=caller.id,
        )

    async def accept(
        self,
        form: CheckedForm,
        idempotency_key: str | None,
        is_gone: Callable[[], Awaitable[bool]] = _never,
    ) -> Accepted:
        """Check the file, store it and create the batch.

        After an error no batch exists, unless the API server created it and its response was lost.
        ``is_gone`` tells whether the client has closed the connection: then nothing is created.

        Raises:
            InputRefused: the file is not a valid CSV or workbook. Problem: the idempotency key was
            used for another upload, or ``reuseFrom`` names no request. GatewayError: the store or
            the API server refuses or does not respond.
        """
        check_ceilings(form.template, self._ceilings)
        file = form.file.file
        facts = await anyio.to_thread.run_sync(check_csv, file, form.source, limiter=self._threads)
        check_images(facts.images, self._ceilings)
        digest = payload_digest(form, facts)
        request_id = request_id_for(self._namespace, self._caller_id, idempotency_key)
        if idempotency_key is not None:
            earlier = await self._find(request_id)
            if earlier is not None:
                return Accepted(_same_payload(earlier, digest), facts, replayed=True)
        await self._check_reuse(form.template)
        if await is_gone():
            raise client_gone()
        key = upload_key(self._namespace, request_id, secrets.token_hex(8))
        await anyio.to_thread.run_sync(self._store, key, file, limiter=self._threads)
        if await is_gone():
            await self._delete(key)
            raise client_gone()
        replayed = await self._create(form, request_id, key, digest)
        return Accepted(request_id, facts, replayed)

    async def inspect(self, file: IO[bytes], source: Source) -> Inspection:
        """Check a file without storing it, and return what was found.

        Raises:
            InputRefused: the file is not valid. Problem: it has too many images.
        """
        found = await inspect(file, source, self._rules, self._threads)
        check_images(found.facts.images, self._ceilings)
        return found

    async def create(
        self,
        spec: ImageBatchSpec,
        name: str | None,
        idempotency_key: str | None,
        *,
        file_name: str | None = None,
    ) -> tuple[str, bool]:
        """Create a batch from a source other than an upload; ``file_name`` is that of the upload
        that it retries.

        Returns its requestId, and whether an earlier call with the same idempotency key had created
        it.

        Raises:
            InputRefused: the inline CSV is not valid. Problem: the idempotency key was used for
            another request, ``reuseFrom`` names no request, or the request of ``retryOf`` cannot be
            retried. GatewayError: the API server refuses or does not respond.
        """
        check_ceilings(spec, self._ceilings)
        if spec.source.inline is not None:
            file = io.BytesIO(spec.source.inline.encode())
            facts = await anyio.to_thread.run_sync(
                check_csv, file, spec.source, limiter=self._threads
            )
            check_images(facts.images, self._ceilings)
        digest = spec_digest(spec, name)
        request_id = request_id_for(self._namespace, self._caller_id, idempotency_key)
        if idempotency_key is not None:
            earlier = await self._find(request_id)
            if earlier is not None:
                return _same_payload(earlier, digest), True
        await self._check_reuse(spec)
        if spec.source.retry_of is not None:
            await retried_batch(self._batches, spec.source.retry_of.name)
        annotations = _annotations(digest, self._created_by, name=name, file_name=file_name)
        try:
            created = await self._batches.create(request_id, spec, annotations)
        except BatchExists:
            return _same_payload(await self._batches.get(request_id), digest), True
        self._history.put(created)
        return request_id, False

    async def _check_reuse(self, spec: ImageBatchSpec) -> None:
        reused = spec.reuse_from
        if reused is not None and await self._find(reused.name) is None:
            raise invalid_options(("reuseFrom", f"there is no request {reused.name}"))

    def _store(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        self._objects.put_file(self._prefix + key, file)

    async def _create(self, form: CheckedForm, request_id: str, key: str, digest: str) -> bool:
        """Create the batch of a stored upload; return whether another call had already created it.

        If the batch is refused, the stored file is deleted.
        """
        annotations = _annotations(digest, self._created_by, file_name=form.file.filename)
        try:
            created = await self._batches.create(request_id, form.spec_for(key), annotations)
            self._history.put(created)
        except BatchExists:
            # Either a call with the same idempotency key was faster, or the HTTP client sent this
            # one twice.
            earlier = await self._batches.get(request_id)
            if _source_key(earlier) == key:
                return False
            await self._delete(key)
            _same_payload(earlier, digest)
            return True
        except ClusterUnavailable as error:
            if not error.undecided:
                await self._delete(key)
                raise
            # The batch may exist, and it would fail without its input, so the file is kept. If
            # there is no batch, the sweeper deletes the file.
            if await self._created_after_all(request_id, key):
                return False
            raise
        except GatewayError:
            await self._delete(key)
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

    async def _delete(self, key: str) -> None:
        """Delete an upload that no batch refers to. If this fails, the sweeper deletes it later."""
        try:
            await self._objects.delete(self._prefix + key)
        except GatewayError:
            _log.warning(
                "an upload without a batch cannot be deleted; the sweeper will delete it",
                extra={"key": key},
                exc_info=True,
            )


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


def _annotations(
    digest: str,
    created_by: str | None,
    *,
    name: str | None = None,
    file_name: str | None = None,
) -> dict[str, str]:
    found = {names.ANNOTATION_PAYLOAD_DIGEST: digest}
    if created_by:
        found[names.ANNOTATION_CREATED_BY] = created_by
    if name:
        found[names.ANNOTATION_DISPLAY_NAME] = name
    # Some browsers send the file's whole path on the user's machine.
    shown = re.split(r"[/\\]", file_name or "")[-1][:_LONGEST_NAME]
    if shown:
        found[names.ANNOTATION_FILE_NAME] = shown
    return found


def _same_payload(earlier: ImageBatch, digest: str) -> str:
    """Return the name of the earlier batch. Raises Problem 422 if it was made from another
    upload."""
    if earlier.annotations.get(names.ANNOTATION_PAYLOAD_DIGEST) != digest:
        raise idempotency_key_reused()
    return earlier.name


def _source_key(batch: ImageBatch) -> str | None:
    return batch.spec.source.s3.key if batch.spec.source.s3 else None
