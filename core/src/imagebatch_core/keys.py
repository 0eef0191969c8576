"""The keys of all objects in the store.

All objects of a namespace have keys that begin with ``<prefix><namespace>/``, so that one policy of
the store (``<prefix><namespace>/*``) covers them, and no other namespace's. The keys of a batch
begin with ``<prefix><namespace>/<uid>/``. The prefix is that of the store's URL at the time the
batch is accepted. The batch's status records the whole root, so a later change of the prefix does
not lose the batch. Uploads are at ``<prefix><namespace>/uploads/``, because they exist before their
batch; plan copies them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from .names import NAMESPACE

#: The part of a namespace's keys that holds uploads; a uid is never spelled so.
UPLOADS: Final = "uploads"
#: Rows between two entries of an index.
INDEX_EVERY: Final = 1000
#: The most bytes of a key in UTF-8, as S3 allows.
LONGEST_KEY: Final = 1024
#: The most bytes of the store's prefix: what follows it takes up to 400.
LONGEST_PREFIX: Final = 512


def store_prefix(url: str) -> str:
    """Return the key prefix in a store's URL, as ``team/``; it may be empty.

    A store in a folder has no prefix: the URL names the folder itself.
    """
    parts = urlsplit(url)
    prefix = parts.path.strip("/") if parts.scheme == "s3" else ""
    return f"{prefix}/" if prefix else ""


def namespace_prefix(namespace: str, prefix: str) -> str:
    """Return the key prefix of everything of a namespace; ``prefix`` is that of the store."""
    return f"{prefix}{namespace}/"


def batch_uid(root: str) -> str | None:
    """Return the uid of the batch whose data lies below ``root``; ``None`` if no batch's does."""
    match = _ROOT.fullmatch(root)
    return match["uid"] if match else None


def batch_namespace(key: str) -> str | None:
    """Return the namespace of the batch that a key belongs to; ``None`` if it is no batch's.

    The key may have any prefix, as of a batch that was made under an earlier one.
    """
    match = _BATCH.match(key)
    return match["namespace"] if match else None


def sweep_memory_key(namespace: str, prefix: str) -> str:
    """Return the key of what the sweeper remembers between its runs over a namespace."""
    return f"{namespace_prefix(namespace, prefix)}sweep.json"


def sweep_clusters_prefix(namespace: str, prefix: str) -> str:
    """Return the key prefix of one object for each cluster whose sweeper works on a namespace."""
    return f"{namespace_prefix(namespace, prefix)}sweep/"


def upload_prefix(namespace: str) -> str:
    """Return the key prefix of a namespace's uploads, which ``s3.key`` of its batches may name."""
    return f"{namespace}/{UPLOADS}/"


def upload_key(namespace: str, request_id: str, random: str) -> str:
    return f"{upload_prefix(namespace)}{request_id}/{random}.csv"


def is_below(key: str, prefix: str) -> bool:
    """Return whether a key is the prefix itself or lies below it.

    A prefix ends where a part of a key ends, with a slash or without: neither ``a/shop`` nor
    ``a/shop/`` covers ``a/shopping/x.csv``.
    """
    folder = prefix.removesuffix("/")
    return key == folder or key.startswith(f"{folder}/")


def key_problem(key: str) -> str | None:
    """Return why a key that a user wrote is refused; ``None`` if it is accepted.

    S3 accepts nearly any key. But some clients resolve ``.``, ``..`` and empty parts as in paths,
    and would read another object than the one whose key was checked.
    """
    if len(key.encode()) > LONGEST_KEY:
        return f"it is longer than {LONGEST_KEY} bytes"
    if re.search(r"[\x00-\x1f\x7f]", key):
        return "it holds control characters"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "between its slashes, a part is empty, . or .."
    return None


class ImageKey(NamedTuple):
    """The parts of an output's key: its namespace, SHA-256 of the output's bytes, extension without
    the dot.
    """

    namespace: str
    sha256: str
    extension: str


_UID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Matches only roots that BatchKeys.of makes.
_ROOT: Final = re.compile(rf"(?:.+/)?{NAMESPACE}/(?P<uid>{_UID})/")
_BATCH: Final = re.compile(rf"(?:.+/)?(?P<namespace>{NAMESPACE})/{_UID}/")
# Matches only keys that BatchKeys.image makes.
_IMAGE: Final = re.compile(
    rf"(?:.+/)?(?P<namespace>{NAMESPACE})/{_UID}/images/"
    r"[0-9]{1,12}-[0-9]{1,9}-(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})"
)


def parse_image_key(key: str) -> ImageKey | None:
    """Parse the key of an output; ``None`` if it cannot be the key of any batch's output."""
    match = _IMAGE.fullmatch(key) if key_problem(key) is None else None
    return ImageKey(match["namespace"], match["sha256"], match["extension"]) if match else None


@dataclass(frozen=True, slots=True)
class BatchKeys:
    """The keys of one batch; ``root`` is their prefix, which is empty for a local run's folder."""

    root: str

    @classmethod
    def of(cls, namespace: str, uid: str, prefix: str = "") -> BatchKeys:
        """Return the keys of a new batch; ``prefix`` is that of :func:`store_prefix`."""
        return cls(f"{prefix}{namespace}/{uid}/")

    @classmethod
    def at(cls, root: str, namespace: str) -> BatchKeys:
        """Return the keys of a batch whose root was recorded.

        Raises:
            ValueError: the root is not in ``namespace``; a batch may not read another namespace.
        """
        inside = re.fullmatch(rf"(.+/)?{re.escape(namespace)}/[^/]+/", root)
        if not inside or root.endswith(f"/{UPLOADS}/") or key_problem(root[:-1]) is not None:
            raise ValueError(f"{root!r} is no root of a batch of the namespace {namespace}")
        return cls(root)

    @property
    def namespace(self) -> str:
        """The namespace of the batch."""
        return self.root.split("/")[-3]

    @property
    def prefix(self) -> str:
        """The store's prefix at the time the batch was accepted."""
        before = self.root.split("/")[:-3]
        return "".join(f"{part}/" for part in before)

    @property
    def input(self) -> str:
        return f"{self.root}input.csv"

    @property
    def plan(self) -> str:
        return f"{self.root}plan.json"

    @property
    def rows(self) -> str:
        """The rows of the input, one per line; the gateway reads pages of it."""
        return f"{self.root}rows.jsonl"

    @property
    def rows_index(self) -> str:
        """The index of ``rows``, written after it: offsets of every :data:`INDEX_EVERY`-th row."""
        return f"{self.root}rows.index.json"

    @property
    def owner(self) -> str:
        return f"{self.root}owner.json"

    @property
    def report_csv(self) -> str:
        return f"{self.root}report.csv"

    @property
    def report_raw_csv(self) -> str:
        """The output CSV with all cells unchanged; it exists only if ``report_csv`` differs."""
        return f"{self.root}report.raw.csv"

    @property
    def report_jsonl(self) -> str:
        return f"{self.root}report.jsonl"

    @property
    def report_index(self) -> str:
        return f"{self.root}report.index.json"

    @property
    def summary(self) -> str:
        """The summary, which collect writes last: a batch that has it is collected."""
        return f"{self.root}summary.json"

    def probe(self, token: str) -> str:
        """Return the key of an object that tests whether the store can be written, read and listed.

        Each pod has its own ``token``, so that no pod deletes another's object.
        """
        return f"{self.root}probe-{token}"

    def shard(self, shard: int) -> str:
        return f"{self.root}shards/{shard:06d}.jsonl"

    @property
    def results(self) -> str:
        return f"{self.root}results/"

    def shard_results(self, shard: int) -> str:
        """Return the key prefix of a shard's parts."""
        return f"{self.results}{shard:06d}/"

    def whole_shard(self, shard: int) -> str:
        """Return the key of all results of a shard in one object, if one pod recorded them all."""
        return f"{self.root}whole/{shard:06d}.jsonl"

    def part(
        self, shard: int, pod_uid: str, number: int, rows: tuple[int, int] | None = None
    ) -> str:
        """Return the key of a part; ``rows`` are the first and the last row of its results."""
        of_rows = "" if rows is None else f".{rows[0]}-{rows[1]}"
        return f"{self.shard_results(shard)}{pod_uid}-{number:06d}{of_rows}.jsonl"

    @property
    def progress(self) -> str:
        """The key prefix of the batch's progress documents, one per pod and shard."""
        return f"{self.root}progress/"

    @property
    def failure_mark(self) -> str:
        """The key of an object that exists once more images failed than the batch allows."""
        return f"{self.root}too-many-failed.json"

    def shard_progress(self, shard: int) -> str:
        """Return the key prefix of the progress documents of a shard's pods."""
        return f"{self.progress}{shard:06d}/"

    def pod_progress(self, shard: int, pod_uid: str) -> str:
        return f"{self.shard_progress(shard)}{pod_uid}.json"

    @property
    def sources(self) -> str:
        """The key prefix of the kept sources of the sample."""
        return f"{self.root}sources/"

    @property
    def images(self) -> str:
        return f"{self.root}images/"

    def image(self, row: int, position: int, sha256: str, extension: str) -> str:
        """Return the key of an output; ``sha256`` is of its bytes, ``extension`` has no dot."""
        return f"{self.images}{row}-{position}-{sha256}.{extension}"

    def source(self, row: int, position: int, sha256: str, extension: str) -> str:
        """Return the key of a kept source; ``sha256`` is of its bytes, ``extension`` has no dot."""
        return f"{self.sources}{row}-{position}-{sha256}.{extension}"

    def kept_by_pod(self, shard: int, pod_uid: str) -> str:
        """Return the key of the document that tells which sources a pod kept."""
        return f"{self.sources}{shard:06d}-{pod_uid}.json"

    def same_image(self, row: int, position: int, key: str) -> str:
        """Return the key in this batch for a copy of another batch's output at ``key``."""
        content = key.rpartition("/")[2].split("-", 2)[2]
        return f"{self.images}{row}-{position}-{content}"
