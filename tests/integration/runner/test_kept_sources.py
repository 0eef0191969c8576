"""The sources of a batch's sample, kept beside their outputs in a real S3."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO

import obstore
from PIL import Image

from imagebatch_core.previews import KeptByPod, KeptSource
from support.imagehost import ImageHost
from support.pictures import jpeg, photo
from support.runnerbatch import PUBLIC, RunnerBatch, products

Build = Callable[..., RunnerBatch]
CAMERA = 0x010F


def with_camera(size: tuple[int, int]) -> bytes:
    """A photograph whose EXIF data names a camera."""
    exif = Image.Exif()
    exif[CAMERA] = "Secret Camera"
    out = BytesIO()
    Image.open(BytesIO(jpeg(size=size))).save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


def previews(built: RunnerBatch) -> list[KeptSource]:
    keys = [key for key in built.list(built.keys.sources) if key.endswith(".json")]
    found = [k for key in keys for k in KeptByPod.model_validate_json(built.get(key)).kept]
    return sorted(found, key=lambda one: (one.row, one.position))


def test_a_sample_is_kept_without_metadata_beside_its_outputs(
    batch: Build, host: ImageHost
) -> None:
    urls = [host.add(f"{n}.jpg", with_camera((300 + n, 200))) for n in range(30)]
    built = batch(products(urls, 1), imagesPerShard=12)
    built.settings["IMAGEBATCH_KEPT_SOURCES"] = "6"
    built.run_all()
    found = previews(built)

    assert [one.row for one in found] == [3, 8, 13, 18, 23, 28]
    report = {line["row"]: line for line in built.report()}
    for one in found:
        source = built.get(one.source_key)
        assert one.source_key == built.keys.source(one.row, 1, sha256(source).hexdigest(), "jpg")
        picture = Image.open(BytesIO(source))
        assert picture.size == (300 + one.row - 1, 200)
        assert b"Secret Camera" not in source
        line = report[one.row]
        assert one.output_url == line["output_url"]
        assert one.output_url.startswith(PUBLIC)
        assert (one.width, one.height) == (line["width"], line["height"])
        assert (one.bytes_in, one.bytes_out) == (line["bytes_in"], line["bytes_out"])
    assert max(host.requests.values()) == 1


def test_metadata_stays_where_the_batch_keeps_it(batch: Build, host: ImageHost) -> None:
    content = with_camera((300, 200))
    built = batch(products([host.add("a.jpg", content)]), output={"metadata": "keep"})
    built.run_all()
    (one,) = previews(built)
    assert built.get(one.source_key) == content


def test_none_is_kept_where_none_is_wanted_and_of_no_format_that_browsers_do_not_show(
    batch: Build, host: ImageHost
) -> None:
    tiff = BytesIO()
    Image.open(BytesIO(jpeg())).save(tiff, "TIFF")
    urls = [host.add("a.tif", tiff.getvalue()), host.url("missing.jpg"), host.add("a.jpg", jpeg())]
    built = batch(products(urls))
    built.run_all()
    assert [(one.row, one.position) for one in previews(built)] == [(1, 3)]
    other = batch(products(urls))
    other.settings["IMAGEBATCH_KEPT_SOURCES"] = "0"
    other.run_all()
    assert other.list(other.keys.sources) == []


def test_kept_sources_of_a_batch_are_no_more_than_32_mib(batch: Build, host: ImageHost) -> None:
    noise = photo(size=(2000, 1500))
    out = BytesIO()
    noise.save(out, "PNG", compress_level=0)
    large = out.getvalue()
    assert 5 << 20 < len(large) < 16 << 20
    urls = [host.add(f"{n}.png", large) for n in range(8)]
    built = batch(products(urls, 1), imagesPerShard=4, output={"maxWidth": 100})
    built.run_all()
    sizes = [entry["size"] for entry in obstore.list(built.store, built.keys.sources).collect()]
    assert 0 < sum(sizes) <= 32 << 20
    assert [line["error_code"] for line in built.report()] == [None] * 8
