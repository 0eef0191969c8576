"""Store an image's output in this batch's store, or copy it from an earlier batch."""

from __future__ import annotations

from imagebatch_core.results import ErrorCode, ImageResult, ImageStatus, ShardItem, StoredOutput
from imagebatch_runner.failures import ObjectNotTaken

from .batch import Batch
from .image import Answer, NewImage, UnchangedImage


class Outputs:
    """Stores the outputs of one batch; each is stored before its result is returned."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    async def put(self, item: ShardItem, image: NewImage) -> ImageResult:
        """Store a new output and return the image's result.

        If the store refuses only this object, the result is a failure of this image.
        """
        made, answer = image.compressed, image.answer
        key = self._batch.keys.image(item.row, item.position, made.sha256, made.kind.extension)
        witness = self._batch.keys.probe(made.sha256)
        try:
            await self._batch.storage.put_image(key, made.data, witness)
        except ObjectNotTaken as error:
            return ImageResult.failure(
                item,
                ErrorCode.STORAGE_FAILED,
                str(error),
                http_status=answer.http_status,
                attempts=answer.attempts,
            )
        output = StoredOutput(
            key=key,
            source_sha256=made.source_sha256,
            etag=answer.validators.etag,
            last_modified=answer.validators.last_modified,
            final_url_sha256=answer.validators.final_url_sha256,
            bytes_in=image.bytes_in,
            bytes_out=len(made.data),
            width=made.width,
            height=made.height,
        )
        status = ImageStatus.KEPT if made.kept else ImageStatus.SUCCEEDED
        return self._result(item, status, output, answer)

    async def take_over(self, item: ShardItem, image: UnchangedImage) -> ImageResult | None:
        """Copy the earlier batch's output and return the image's result; ``None`` if it is gone.

        The earlier output may be deleted afterwards. All sizes are those of the earlier result, so
        that the report has the size of every source, even if nothing was fetched.
        """
        earlier = item.earlier
        if earlier is None:
            return None
        key = self._batch.keys.same_image(item.row, item.position, earlier.key)
        copy = self._batch.copy_earlier or self._batch.storage.copy_async
        if not await copy(earlier.key, key):
            return None
        validators = image.answer.validators
        output = earlier._replace(
            key=key,
            etag=validators.etag,
            last_modified=validators.last_modified,
            final_url_sha256=validators.final_url_sha256,
        )
        return self._result(item, ImageStatus.REUSED, output, image.answer)

    def _result(
        self, item: ShardItem, status: ImageStatus, output: StoredOutput, answer: Answer
    ) -> ImageResult:
        return ImageResult.with_output(
            item,
            status,
            output,
            url=self._batch.settings.output_url(output.key),
            http_status=answer.http_status,
            attempts=answer.attempts,
        )
