"""The memory of a shard's process tree depends on the settings, not on the shard."""

from __future__ import annotations

from collections.abc import Callable

from support.imagehost import ImageHost
from support.pictures import jpeg
from support.processtree import peak_memory
from support.runnerbatch import RunnerBatch, products

MIB = 1 << 20
Build = Callable[..., RunnerBatch]


def test_memory_does_not_grow_with_the_images_of_a_shard(batch: Build, host: ImageHost) -> None:
    large = jpeg(size=(2400, 1800))
    small = [jpeg(size=(100 + n, 80)) for n in range(20)]

    def peak(images: int) -> int:
        photos = min(images - 8, 1000)
        urls = [host.add(f"{images}-{n}.jpg", small[n % 20]) for n in range(photos)]
        urls += [host.url(f"{images}-none-{n}.jpg") for n in range(images - 8 - photos)]
        urls += [host.add(f"{images}-large-{n}.jpg", large) for n in range(8)]
        built = batch(products(urls), imagesPerShard=images, dryRun=True)
        built.settings["IMAGEBATCH_DECODERS"] = "2"
        assert built.run("plan").code == 0
        del built.job["dryRun"]
        process = built.start("compress")
        found = peak_memory(process)
        assert built.wait(process).code == 0
        recorded = [built.get(key).splitlines() for key in built.list(built.keys.results)]
        assert sum(map(len, recorded)) == images
        return found

    few, many = peak(100), peak(5000)
    assert many < few + 24 * MIB
