"""Checks and stores an upload, then creates its ImageBatch."""

from __future__ import annotations

import io
import logging
import secrets
from collections.abc import Awaitable, Callable
from copy import copy
from typing import IO

import anyio
import anyio.to_thread

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.keys import upload_key
from imagebatch_core.resource import ImageBatch
from imagebatch_core.source import Source
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_gateway.access.caller import Caller
from imagebatch_gateway.answers.problems import (
    client_gone,
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

from .accepted import Accepted
from .csv_check import CsvFacts, check_csv
from .facts import facts_of
from .form import CheckedForm
from .identity import (
    annotations_of,
    payload_digest,
    request_id_for,
    same_payload,
    source_key,
    spec_digest,
)
from .limits import check_ceilings, check_images
from .stream import CsvStream
from .streamed_form import StreamedUpload
from .validation import Inspection, inspect

_log = logging.getLogger(__name__)


async def _never() -> bool:
    return False


class Uploads:
    """Accepts uploads for one namespace.

    ``prefix`` is the prefix of all keys in the bucket; ``spec.source.s3.key`` does not contain it.
    ``threads`` limits the number of files that are checked and stored at the same time,
    ``streams`` the number of those that are stored while they arrive. ``rules`` say which addresses
    are never fetched. ``created_by`` is recorded in the batch; ``caller_id`` keeps the idempotency
    keys of callers apart.
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
        streams: anyio.CapacityLimiter,
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
        self._streams = streams
        self._rules = rules
        self._ceilings = ceilings
        self._created_by = created_by
        self._caller_id = caller_id

    def acting_for(self, caller: Caller, batches: Batches, history: History) -> Uploads:
        """Return the same service for a caller; ``batches`` and ``history`` belong to the caller's
        namespace.
        """
        acting = copy(self)
        acting._batches, acting._history = batches, history
        acting._namespace = caller.namespace
        acting._created_by, acting._caller_id = caller.name, caller.id
        return acting

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
        stream = form.file.stream if isinstance(form.file, StreamedUpload) else None
        request_id = stream.request_id if stream else self._request_id(idempotency_key)
        key = stream.key if stream else self._new_key(request_id)
        try:
            facts = await facts_of(
                form, stream, self._objects, prefix=self._prefix, threads=self._threads
            )
            check_images(facts.images, self._ceilings)
            digest = payload_digest(form, facts)
            earlier = None if idempotency_key is None else await self._find(request_id)
            if earlier is not None:
                await self._discard(stream)
                return Accepted(same_payload(earlier, digest), facts, replayed=True)
            await self._check_reuse(form.template)
            if await is_gone():
                raise client_gone()
            if stream is not None:
                await stream.commit()
            else:
                file = form.file.file
                await anyio.to_thread.run_sync(self._store, key, file, limiter=self._threads)
            if await is_gone():
                await self._delete(key)
                raise client_gone()
        except Exception:
            await self._discard(stream)
            raise
        replayed = await self._create(form, request_id, key, digest, facts)
        return Accepted(request_id, facts, replayed)

    async def _discard(self, stream: CsvStream | None) -> None:
        """End a stream without an object, also if it was committed."""
        if stream is not None:
            await stream.abort()
            if stream.committed:
                await self._delete(stream.key)

    def begin_stream(self, idempotency_key: str | None, source: Source) -> CsvStream | None:
        """Begin to store a CSV that arrives; ``None`` if as many are under way as may be.

        ``source`` says how it is read, as far as the fields before the file tell.
        """
        try:
            slot = object()
            self._streams.acquire_on_behalf_of_nowait(slot)
        except anyio.WouldBlock:
            return None
        request_id = self._request_id(idempotency_key)
        return CsvStream(
            self._objects,
            request_id,
            self._new_key(request_id),
            source,
            prefix=self._prefix,
            on_end=lambda: self._streams.release_on_behalf_of(slot),
        )

    def _request_id(self, idempotency_key: str | None) -> str:
        return request_id_for(self._namespace, self._caller_id, idempotency_key)

    def _new_key(self, request_id: str) -> str:
        return upload_key(self._namespace, request_id, secrets.token_hex(8))

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
        facts = None
        if spec.source.inline is not None:
            file = io.BytesIO(spec.source.inline.encode())
            facts = await anyio.to_thread.run_sync(
                check_csv, file, spec.source, limiter=self._threads
            )
            check_images(facts.images, self._ceilings)
        digest = spec_digest(spec, name)
        request_id = self._request_id(idempotency_key)
        if idempotency_key is not None:
            earlier = await self._find(request_id)
            if earlier is not None:
                return same_payload(earlier, digest), True
        await self._check_reuse(spec)
        if spec.source.retry_of is not None:
            await retried_batch(self._batches, spec.source.retry_of.name)
        annotations = annotations_of(
            digest, self._created_by, name=name, file_name=file_name, facts=facts
        )
        try:
            created = await self._batches.create(request_id, spec, annotations)
        except BatchExists:
            return same_payload(await self._batches.get(request_id), digest), True
        self._history.put(created)
        return request_id, False

    async def _check_reuse(self, spec: ImageBatchSpec) -> None:
        reused = spec.reuse_from
        if reused is not None and await self._find(reused.name) is None:
            raise invalid_options(("reuseFrom", f"there is no request {reused.name}"))

    def _store(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        self._objects.put_file(self._prefix + key, file)

    async def _create(
        self, form: CheckedForm, request_id: str, key: str, digest: str, facts: CsvFacts
    ) -> bool:
        """Create the batch of a stored upload; return whether another call had already created it.

        If the batch is refused, the stored file is deleted.
        """
        annotations = annotations_of(
            digest, self._created_by, file_name=form.file.filename, facts=facts
        )
        try:
            created = await self._batches.create(request_id, form.spec_for(key), annotations)
            self._history.put(created)
        except BatchExists:
            # Either a call with the same idempotency key was faster, or the HTTP client sent this
            # one twice.
            earlier = await self._batches.get(request_id)
            if source_key(earlier) == key:
                return False
            await self._delete(key)
            same_payload(earlier, digest)
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
        return batch is not None and source_key(batch) == key

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
