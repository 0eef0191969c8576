"""Builders of what the gateway meets: batches, results, an API server that is only a dict."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import obstore
from obstore.store import ObjectStore

from imagebatch_core.condition import Condition, ConditionStatus
from imagebatch_core.keys import BatchKeys, upload_prefix
from imagebatch_core.plan import PlannedBatch
from imagebatch_core.reasons import ConditionType, Phase, Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem
from imagebatch_core.source import S3Source, Source
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_core.status import Bytes, ImageBatchStatus, Images, Report
from imagebatch_gateway.backends.batches import Change, ListPage
from imagebatch_gateway.backends.errors import BatchExists, BatchMissing, CredentialRefused
from imagebatch_gateway.backends.reviews import Person, Right
from imagebatch_runner.steps.progress import ProgressCounts
from imagebatch_runner.store.documents import to_json

NAMESPACE = "shop"
UID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CREATED = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)

CSV = b"""S. No.,Product Name,Input Image Urls
1,Mug,"https://a.example/1.png,https://a.example/2.png"
2,Cup,https://a.example/3.png,https://a.example/4.png
3,None,
"""


@dataclass(frozen=True)
class BatchBuilder:
    """``batch().running(done=3, total=9).build()``"""

    name: str = "summer-2026"
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> Self:
        return replace(self, name=name)

    def asking(self, **spec: Any) -> Self:
        return replace(self, spec={**self.spec, **spec})

    def running(self, *, done: int, total: int) -> Self:
        return self.with_status(
            phase=Phase.PROCESSING, products=total, images=Images(total=total, done=done)
        )

    def completed(self, *, succeeded: int, failed: int = 0) -> Self:
        total = succeeded + failed
        return self.with_status(
            phase=Phase.COMPLETED,
            products=total,
            images=Images(
                total=total, done=total, succeeded=succeeded, kept=0, reused=0, failed=failed
            ),
            bytes=Bytes.model_validate({"in": 1000, "out": 387}),
            saved="61.3%",
            completion_time=CREATED,
        )

    def reported(self) -> Self:
        keys = BatchKeys.of(NAMESPACE, UID)
        report = Report(key=keys.report_csv, sha256=hashlib.sha256(b"report").hexdigest())
        return self.with_status(report=report)

    def because(
        self, type_: ConditionType, status: ConditionStatus, reason: Reason, message: str
    ) -> Self:
        condition = Condition(
            type=type_,
            status=status,
            reason=reason,
            message=message,
            last_transition_time=CREATED,
        )
        return self.with_status(conditions=[*self.status.get("conditions", []), condition])

    def with_status(self, **status: Any) -> Self:
        return replace(self, status={**self.status, **status})

    def build(self) -> ImageBatch:
        source = Source(s3=S3Source(key=f"{NAMESPACE}/uploads/x/y.csv"))
        return ImageBatch(
            namespace=NAMESPACE,
            name=self.name,
            uid=UID,
            creation_timestamp=CREATED,
            spec=ImageBatchSpec(source=source, **self.spec),
            status=ImageBatchStatus(**self.status),
        )


class FakeReviews:
    """``tokens`` are those of people; ``rights`` holds what each person may do, as ``verb resource
    namespace``.
    """

    def __init__(self) -> None:
        self.tokens: dict[str, Person] = {}
        self.rights: dict[str, set[str]] = {}
        self.asked = 0
        self.fail: Exception | None = None

    def allow(self, name: str, *rights: str) -> None:
        self.rights.setdefault(name, set()).update(rights)

    async def person(self, token: str) -> Person:
        self.asked += 1
        if self.fail is not None:
            raise self.fail
        if token not in self.tokens:
            raise CredentialRefused("the token is not valid, or no longer")
        return self.tokens[token]

    async def token_may(self, token: str, right: Right) -> bool:
        return await self.person_may(await self.person(token), right)

    async def person_may(self, person: Person, right: Right) -> bool:
        self.asked += 1
        text = f"{right.verb} {right.resource} {right.namespace}"
        return any(text in self.rights.get(name, ()) for name in (person.name, *person.groups))


class FakeKeySecret:
    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.reads = 0
        self.fail: Exception | None = None

    async def read(self) -> dict[str, bytes]:
        self.reads += 1
        if self.fail is not None:
            raise self.fail
        return dict(self.entries)

    async def put(self, id_: str, entry: bytes) -> None:
        self.entries[id_] = entry

    async def remove(self, id_: str) -> None:
        self.entries.pop(id_, None)


class FakeBatches:
    """Behaves as the API server's lock on names does; ``fail`` is raised by the next create.

    It is also a cluster, of which it is the home namespace; ``others`` are further ones. ``acting``
    has the tokens with which batches were asked for.
    """

    def __init__(self) -> None:
        self.reviews = FakeReviews()
        self.key_secret = FakeKeySecret()
        self.others: dict[str, FakeBatches] = {}
        self.acting: list[str | None] = []
        self.stored: dict[str, ImageBatch] = {}
        self.fail: Exception | None = None
        self.fail_after: Exception | None = None
        self.unready: Exception | None = None
        self.asked: list[str] = []
        self.checks = 0
        self.lists = 0
        self.watched: list[str] = []
        self.events: asyncio.Queue[Change | Exception] = asyncio.Queue()

    def batches(self, namespace: str, token: str | None = None) -> FakeBatches:
        self.acting.append(token)
        return self if namespace == NAMESPACE else self.others[namespace]

    def add(self, batch: ImageBatch) -> ImageBatch:
        self.stored[batch.name] = batch
        return batch

    async def create(
        self, name: str, spec: ImageBatchSpec, annotations: Mapping[str, str]
    ) -> ImageBatch:
        if self.fail is not None:
            raise self.fail
        if name in self.stored:
            raise BatchExists(name)
        self.stored[name] = ImageBatch(
            namespace=NAMESPACE,
            name=name,
            uid=UID,
            creation_timestamp=CREATED,
            annotations=dict(annotations),
            spec=spec,
        )
        if self.fail_after is not None:
            raise self.fail_after
        return self.stored[name]

    async def get(self, name: str) -> ImageBatch:
        self.asked.append(name)
        if name not in self.stored:
            raise BatchMissing(name)
        return self.stored[name]

    async def patch(self, name: str, spec: Mapping[str, Any]) -> ImageBatch:
        batch = await self.get(name)
        merged = batch.spec.model_dump(by_alias=True, exclude_none=True) | spec
        kept = {key: value for key, value in merged.items() if value is not None}
        changed = batch.model_copy(update={"spec": ImageBatchSpec.model_validate(kept)})
        self.stored[name] = changed
        return changed

    async def annotate(self, name: str, annotations: Mapping[str, str]) -> ImageBatch:
        batch = await self.get(name)
        changed = batch.model_copy(update={"annotations": batch.annotations | annotations})
        self.stored[name] = changed
        return changed

    async def delete(self, name: str) -> None:
        if self.stored.pop(name, None) is None:
            raise BatchMissing(name)

    async def list_page(self, after: str | None) -> ListPage:
        """Pages of two, in the order of the names, as the API server lists."""
        self.lists += 1
        if self.unready is not None:
            raise self.unready
        found = sorted(self.stored)
        start = int(after or 0)
        more = str(start + 2) if start + 2 < len(found) else None
        objects = [as_object(self.stored[name]) for name in found[start : start + 2]]
        return ListPage(objects, more, "7")

    async def changes(self, version: str) -> AsyncIterator[Change]:
        self.watched.append(version)
        while True:
            event = await self.events.get()
            if isinstance(event, Exception):
                raise event
            yield event

    async def check(self) -> None:
        self.checks += 1
        if self.unready is not None:
            raise self.unready


def as_object(batch: ImageBatch) -> dict[str, Any]:
    """As the API server gives it out."""
    return {
        "metadata": {
            "namespace": batch.namespace,
            "name": batch.name,
            "uid": batch.uid,
            "resourceVersion": "7",
            "creationTimestamp": batch.creation_timestamp.isoformat(),
            "annotations": dict(batch.annotations),
        },
        "spec": batch.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": batch.status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def image_url(row: int, position: int = 1) -> str:
    return f"http://out.example/files/{NAMESPACE}/{UID}/images/{row}-{position}-{'0' * 64}.jpg"


def succeeded(row: int, position: int = 1) -> ImageResult:
    return ImageResult(
        row=row,
        position=position,
        input_url=f"https://a.example/{row}-{position}.png",
        status=ImageStatus.SUCCEEDED,
        output_url=image_url(row, position),
        attempts=1,
        bytes_in=100,
        bytes_out=40,
    )


def failed(row: int, position: int = 1) -> ImageResult:
    item = ShardItem(row, position, f"https://a.example/{row}-{position}.png")
    return ImageResult.failure(item, ErrorCode.DNS_FAILED, "no such host")


def write_report(store: ObjectStore, results: list[ImageResult]) -> BatchKeys:
    keys = BatchKeys.of(NAMESPACE, UID)
    obstore.put(store, keys.report_jsonl, "".join(r.to_line() for r in results).encode())
    return keys


def write_part(
    store: ObjectStore, shard: int, pod: str, number: int, results: list[ImageResult]
) -> None:
    rows = [result.row for result in results]
    key = BatchKeys.of(NAMESPACE, UID).part(shard, pod, number, (min(rows), max(rows)))
    obstore.put(store, key, "".join(r.to_line() for r in results).encode())


def write_plan(store: ObjectStore, *, images: int, per_shard: int = 500, **changes: Any) -> None:
    """``plan.json`` of a batch of as many rows as images, without row problems."""
    plan = PlannedBatch(
        products=images,
        images=images,
        shards=-(-images // per_shard),
        images_per_shard=per_shard,
        row_problems=0,
        input_sha256="c5f0",
        first_rows=tuple(range(1, images + 1, per_shard)),
    )
    written = plan.model_copy(update=changes).model_dump_json(by_alias=True)
    obstore.put(store, BatchKeys.of(NAMESPACE, UID).plan, written.encode())


def write_progress(store: ObjectStore, shard: int, pod: str, results: list[ImageResult]) -> None:
    """The document of a pod that has recorded these results of a shard."""
    counts = ProgressCounts()
    counts.add(results)
    key = BatchKeys.of(NAMESPACE, UID).pod_progress(shard, pod)
    obstore.put(store, key, to_json(counts.document()))


def uploads_in(store: ObjectStore) -> list[str]:
    return [item["path"] for item in obstore.list(store, upload_prefix(NAMESPACE)).collect()]
