"""Lists the products of a batch: each row of its input with the results of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from imagebatch_core.keys import BatchKeys
from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch
from imagebatch_core.results import ImageStatus
from imagebatch_gateway.answers.models import RequestStatus
from imagebatch_gateway.answers.result_models import Product
from imagebatch_gateway.backends.errors import ResultMissing

from .recorded import Recorded, Result
from .reported import Reported
from .rows import NumberedRow, RowPage, Rows

_FAILED: Final = ImageStatus.FAILED


@dataclass(frozen=True, slots=True)
class ProductPage:
    """A page of products. ``next_row`` is the 1-based row of the next one, ``None`` at the end."""

    products: Sequence[Product] = ()
    next_row: int | None = None


class Products:
    def __init__(self, rows: Rows, recorded: Recorded, reported: Reported) -> None:
        self._rows = rows
        self._recorded = recorded
        self._reported = reported

    async def page(self, batch: ImageBatch, keys: BatchKeys, first: int, limit: int) -> ProductPage:
        """Return at most ``limit`` products from the 1-based row ``first`` on.

        The page is empty until the batch is planned.

        Raises ResultMissing, ResultUnreadable, StoreUnavailable.
        """
        try:
            page = await self._rows.page(keys, first, limit)
        except ResultMissing:
            if batch.status.products is None:
                return ProductPage()
            raise
        results = await self._results(batch, keys, page)
        by_row: dict[int, dict[int, Result]] = {}
        for result in results:
            by_row.setdefault(result["row"], {})[result["position"]] = result
        products = [product(batch, row, by_row.get(row.number, {})) for row in page.rows]
        return ProductPage(products, page.next_row)

    async def _results(self, batch: ImageBatch, keys: BatchKeys, page: RowPage) -> list[Result]:
        rows = [row for row in page.rows if row.row.urls]
        if not rows:
            return []
        if batch.status.report is not None:
            return await self._reported.of_rows(keys, rows[0].number, rows[-1].number)
        index = await self._rows.index(keys)
        last = rows[-1].first_image + len(rows[-1].row.urls) - 1
        found: list[Result] = []
        for shards in index.groups(rows[0].first_image, last):
            found += await self._recorded.of_rows(keys, shards, rows[0].number, rows[-1].number)
        return found


def product(batch: ImageBatch, row: NumberedRow, results: Mapping[int, Result]) -> Product:
    """Return the product of a row. ``results`` are its results by 1-based position. Pure."""
    positions = range(1, len(row.row.urls) + 1)
    times = [r["recorded_at"] for r in results.values() if r.get("recorded_at")]
    updated = datetime.fromisoformat(max(times)) if times else None
    return Product(
        id=f"{batch.name}-{row.number}",
        row=row.number,
        serial_number=row.row.serial,
        product_name=row.row.product,
        input_image_urls=list(row.row.urls),
        output_image_urls=[results.get(at, {}).get("output_url") for at in positions],
        request_id=batch.name,
        status=_status(batch, len(positions), results),
        failed_images=sum(r["status"] == _FAILED for r in results.values()),
        created_at=batch.creation_timestamp,
        updated_at=updated or batch.status.completion_time or batch.creation_timestamp,
    )


def _status(batch: ImageBatch, images: int, results: Mapping[int, Result]) -> RequestStatus:
    """Return the status of a product.

    It is failed or completed once all its images have results. Before, it is that of its request;
    while the request is processing, a product without any result is pending.
    """
    phase = batch.status.phase or Phase.PENDING
    of_request = RequestStatus(phase.value.lower())
    if images == 0 or len(results) < images:
        if phase is Phase.PROCESSING and not results and images:
            return RequestStatus.PENDING
        return of_request
    failed = all(r["status"] == _FAILED for r in results.values())
    return RequestStatus.FAILED if failed else RequestStatus.COMPLETED
