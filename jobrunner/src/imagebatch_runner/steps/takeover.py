"""Take over an earlier batch's output: a copy under this batch's own key, never recompressed.

The earlier batch may be deleted afterwards and nothing of this one is lost.
"""

from __future__ import annotations

from imagebatch_core.results import ImageResult, ImageStatus, ShardItem

from .batch import Batch
from .image import Unchanged


async def take_over(batch: Batch, item: ShardItem, source: Unchanged) -> ImageResult | None:
    """The result, its image being stored; ``None`` when the earlier output is gone.

    Sizes are those of the earlier result, also ``bytes_in`` where nothing was fetched: so the
    report says of every image how large its source and its output are.
    """
    earlier = item.earlier
    if earlier is None:
        return None
    key = batch.keys.same_image(item.row, item.position, earlier.key)
    if not await (batch.take or batch.storage.copy_async)(earlier.key, key):
        return None
    return ImageResult(
        row=item.row,
        position=item.position,
        input_url=item.url,
        status=ImageStatus.REUSED,
        output_url=batch.settings.output_url(key),
        output_key=key,
        http_status=source.http_status,
        attempts=source.attempts,
        bytes_in=earlier.bytes_in,
        bytes_out=earlier.bytes_out,
        width=earlier.width,
        height=earlier.height,
        source_sha256=earlier.source_sha256,
        etag=source.validators.etag,
        last_modified=source.validators.last_modified,
        final_url_sha256=source.validators.final_url_sha256,
    )
