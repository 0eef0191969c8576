"""A batch as the runner leaves it in the store, with results of the test's choice."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import obstore
from obstore.store import ObjectStore

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ImageResult, ShardItem
from imagebatch_runner.steps.groups import shards_of
from imagebatch_runner.steps.report import ReportWriter, Sink
from imagebatch_runner.steps.row_list import RowList
from imagebatch_runner.steps.sharding import from_lines, items_of
from imagebatch_runner.store.documents import to_json
from unit.gateway.builders import (
    NAMESPACE,
    UID,
    succeeded,
    write_part,
    write_plan,
    write_progress,
)

KEYS: Final = BatchKeys.of(NAMESPACE, UID)
RECORDED: Final = "2026-11-24T10:00:07Z"


class Kept(io.BytesIO):
    """A sink whose bytes are there after it was closed."""

    def close(self) -> None:
        pass


class Catalogue:
    """``images[n]`` is the number of images of row n + 1; ``outcome`` gives each its result.

    The rows name ``hosts`` hosts by turns, ``per_group`` shards are a group.
    """

    def __init__(
        self,
        store: ObjectStore,
        images: Sequence[int],
        *,
        per_shard: int = 500,
        per_group: int = 1,
        hosts: int = 1,
        outcome: Callable[[int, int], ImageResult] = succeeded,
    ) -> None:
        self._store = store
        self._per_shard = per_shard
        self._per_group = per_group
        self._outcome = outcome
        self.rows = [
            Row(
                number=number,
                line=number + 1,
                serial=f"S{number}",
                product=f"=Product {number}",
                listed="",
                urls=tuple(
                    f"https://{'abc'[number % hosts]}.example/{number}-{p}.png"
                    for p in range(1, count + 1)
                ),
                extra=(),
            )
            for number, count in enumerate(images, start=1)
        ]

    def planned(self) -> Catalogue:
        """``rows.jsonl`` and its index, then the plan."""
        lines = io.BytesIO()
        listed = RowList(lines)
        for row in self.rows:
            listed.add(row)
        total = sum(len(row.urls) for row in self.rows)
        shards = self._shards()
        index = listed.index(len(shards), self._per_shard, self._per_group)
        obstore.put(self._store, KEYS.rows, lines.getvalue())
        obstore.put(self._store, KEYS.rows_index, to_json(index))
        products = len(self.rows)
        write_plan(
            self._store,
            images=total,
            per_shard=self._per_shard,
            shards_per_group=self._per_group,
            products=products,
            first_rows=tuple(shard[0].row for shard in shards),
        )
        return self

    def recorded(self, *, images: int | None = None, part: int = 25) -> Catalogue:
        """Parts and progress of the first so many images, or all."""
        results = [result for row in self.rows for result in self._results(row)][:images]
        by_place = {(result.row, result.position): result for result in results}
        for shard, items in enumerate(self._shards()):
            places = [(item.row, item.position) for item in items]
            of_shard = [by_place[place] for place in places if place in by_place]
            if not of_shard:
                continue
            for number, at in enumerate(range(0, len(of_shard), part)):
                write_part(self._store, shard, "pod-a", number, of_shard[at : at + part])
            write_progress(self._store, shard, "pod-a", of_shard)
        return self

    def collected(self) -> Catalogue:
        """``report.jsonl`` and its index."""
        table, lines = Kept(), Kept()

        def fork() -> Sink:
            return Kept()

        report = ReportWriter(table, lines, (), fork)
        for row in self.rows:
            report.row(row, self._results(row))
        report.close()
        obstore.put(self._store, KEYS.report_csv, table.getvalue())
        obstore.put(self._store, KEYS.report_jsonl, lines.getvalue())
        obstore.put(self._store, KEYS.report_index, to_json(report.index()))
        return self

    def _shards(self) -> list[list[ShardItem]]:
        lines = [item.to_line().encode() for row in self.rows for item in items_of(row)]
        dealt = shards_of(lines, self._per_shard, self._per_group)
        return [from_lines(shard) for shard in dealt]

    def _results(self, row: Row) -> list[ImageResult]:
        return [
            replace(self._outcome(row.number, position), recorded_at=RECORDED)
            for position in range(1, len(row.urls) + 1)
        ]
