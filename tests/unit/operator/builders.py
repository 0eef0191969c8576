"""Builders of what `decide` reads: a batch as the API server gives it, and views of its Jobs."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

from imagebatch_core.job import RunnerMessage, Step, Totals
from imagebatch_core.names import API_VERSION, KIND, LABEL_KUEUE_QUEUE
from imagebatch_core.resource import ImageBatch
from imagebatch_core.status import ImageBatchStatus
from imagebatch_operator.policies.observed import JobView, PodOutcome

UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CSV = "S. No.,Product Name,Input Image Urls\n1,Lamp,https://img.example/1.jpg\n"


class BatchBuilder:
    """Every method returns the builder; :meth:`build` gives the model, :meth:`body` the JSON."""

    def __init__(self) -> None:
        self._body: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": "spring",
                "namespace": "shop",
                "uid": UID,
                "generation": 1,
                "creationTimestamp": "2026-01-02T03:00:00Z",
                "labels": {},
            },
            "spec": {"source": {"inline": CSV}},
        }

    def named(self, name: str) -> Self:
        self._body["metadata"]["name"] = name
        return self

    def spec(self, **fields: Any) -> Self:
        """Fields as on the wire, in camelCase."""
        self._body["spec"].update(fields)
        return self

    def queued(self, queue: str = "team") -> Self:
        return self.labelled(LABEL_KUEUE_QUEUE, queue)

    def labelled(self, name: str, value: str) -> Self:
        self._body["metadata"]["labels"][name] = value
        return self

    def webhook(self, url: str = "https://hooks.example/done") -> Self:
        return self.spec(webhook={"url": url})

    def annotated(self, name: str, value: str) -> Self:
        self._body["metadata"].setdefault("annotations", {})[name] = value
        return self

    def generation(self, number: int) -> Self:
        self._body["metadata"]["generation"] = number
        return self

    def deleted(self) -> Self:
        self._body["metadata"]["deletionTimestamp"] = "2026-01-02T03:03:00Z"
        return self

    def with_status(self, status: ImageBatchStatus) -> Self:
        self._body["status"] = status.model_dump(mode="json", by_alias=True)
        return self

    def status(self, **fields: Any) -> Self:
        self._body.setdefault("status", {}).update(fields)
        return self

    def shards(
        self, total: int, *, images: int | None = None, first_runs: int = 0, each: int = 500
    ) -> Self:
        """Planned already, with shards of ``each`` images; ``first_runs`` says how many shard Jobs
        were begun, in their run 1."""
        images = images if images is not None else total * each
        return self.status(
            phase="Processing",
            startTime="2026-01-02T03:01:00Z",
            products=images,
            images={"total": images, "done": 0},
            shards={"total": total, "done": 0, "failed": 0, "images": each},
            runs={"plan": 1, "shards": [1] * first_runs, "collect": 0},
        )

    def body(self) -> dict[str, Any]:
        return deepcopy(self._body)

    def build(self) -> ImageBatch:
        return ImageBatch.from_object(self.body())


def batch() -> BatchBuilder:
    return BatchBuilder()


def after(builder: BatchBuilder, status: ImageBatchStatus) -> ImageBatch:
    """The same batch once a decision's status was written."""
    return builder.with_status(status).build()


def job(step: Step, *, run: int = 1, chunk: int = 0, **facts: Any) -> JobView:
    """A running Job with one ready pod, unless ``facts`` say otherwise.

    The queue ``default`` is that of its namespace; the Job was made for any other.
    """
    queue = facts.get("queue")
    short = f"s{chunk}" if step is Step.COMPRESS else step.value
    view = JobView(
        name=f"spring-{UID[:8]}-{short}-r{run}",
        uid=f"uid-of-{short}-r{run}",
        batch_uid=UID,
        step=step,
        chunk=chunk,
        run=run,
        started=NOW,
        parallelism=4 if step is Step.COMPRESS else 1,
        active=1,
        ready=1,
        made_for_queue=None if queue == "default" else queue,
    )
    return replace(view, **facts)


def plan_done(
    *, images: int = 1500, shards: int = 3, products: int = 700, step: Step = Step.PLAN
) -> PodOutcome:
    totals = Totals(succeeded=images, bytes_in=1000, bytes_out=400)
    return PodOutcome(
        0,
        RunnerMessage(
            step=step,
            products=products,
            row_problems=2,
            input_sha256="cd" * 32,
            images=images,
            shards=shards,
            images_per_shard=500,
            totals=totals if step is Step.COLLECT else None,
            report_key="shop/x/report.csv" if step is Step.COLLECT else None,
            report_sha256="ab" * 32 if step is Step.COLLECT else None,
        ),
    )


def collect_done(*, succeeded: int = 1500, failed: int = 0, kept: int = 0) -> PodOutcome:
    return PodOutcome(
        0,
        RunnerMessage(
            step=Step.COLLECT,
            totals=Totals(
                succeeded=succeeded, failed=failed, kept=kept, bytes_in=1000, bytes_out=387
            ),
            report_key="shop/x/report.csv",
            report_sha256="ab" * 32,
        ),
    )
