"""The kept sources of sampled images and their outputs, to be shown beside each other."""

from __future__ import annotations

from .model import Document


class KeptSource(Document):
    """The kept source of one image.

    ``source_key`` is its key; its metadata is removed where the batch removes it. ``output_url`` is
    the output's address for people. ``bytes_in`` and ``bytes_out`` are the sizes of source and
    output in bytes, ``width`` and ``height`` those of the output in pixels.
    """

    row: int
    position: int
    source_key: str
    output_url: str
    width: int
    height: int
    bytes_in: int
    bytes_out: int


class KeptByPod(Document):
    """``sources/<shard>-<podUID>.json``: the sources that one pod has kept so far."""

    kept: tuple[KeptSource, ...]
