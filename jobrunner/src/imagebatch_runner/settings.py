"""The runner's settings, each from the environment variable ``IMAGEBATCH_<NAME>``.

Each description says the unit and what the setting protects. In pods the variables come from the
ConfigMap ``imagebatch-runner``; ``imagebatch-runner local`` reads the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from imagebatch_core.egress_rules import EgressSettings
from imagebatch_core.environment import (
    Count,
    LogFormat,
    LogLevel,
    Patience,
    Seconds,
    WhenUnset,
    variable,
)
from imagebatch_core.names import TERMINATION_LOG

from .cpus import available_cpus
from .memory import MIB, Shares, memory_limit, shares

_BY_MEMORY: Final = WhenUnset("by the pod's memory limit")


class Settings(EgressSettings):
    """The settings of the runner. The defaults suit a pod of one CPU and 1 GiB."""

    store: str = Field("", description="s3://bucket[/prefix] or file:///folder; required in pods.")
    public_base_url: str = Field(
        "",
        description="Base of the URLs of outputs: <base>/<key in the bucket>. Empty: the key, as "
        "local runs want it.",
    )
    fetch_credentials_file: str = Field(
        "",
        description="JSON file of request headers for hosts and of keys for source buckets; the "
        "chart mounts it from a Secret.",
    )
    fetch_s3_allow: str = Field(
        "",
        description="bucket[/prefix], comma separated: what s3:// image URLs may name; {namespace} "
        "stands for the batch's own. Empty: nothing.",
    )
    contact_url: str = Field(
        "https://imagebatch.dev/fetcher",
        description="In the User-Agent, so that owners of image hosts can reach somebody.",
    )
    fetch_concurrency: Count = Field(16, description="Requests that run at once.")
    fetch_per_host: Count = Field(8, description="Of these, to one host: politeness.")
    fetch_window: Count = Field(
        64,
        description="Images that are under way at once; up to 1000 more may wait for a retry.",
    )
    fetch_max_bytes: Count = Field(
        64 * MIB, description="Bytes of one image's body; a longer one is refused."
    )
    fetch_connect_seconds: Seconds = Field(10, description="For one TCP and TLS handshake.")
    fetch_read_seconds: Seconds = Field(30, description="Between two reads of a body.")
    fetch_total_seconds: Seconds = Field(
        120,
        description="For one request until its header, and again for its body. Each redirect is a "
        "request of its own.",
    )
    fetch_floor_bytes: Annotated[int, Field(ge=0)] = Field(
        1000,
        description="Bytes a second of a body, at least, over fetch_floor_seconds; what is slower "
        "is a timeout. 0: no floor.",
    )
    fetch_floor_seconds: Seconds = Field(
        20, description="Window in which that throughput is measured."
    )
    fetch_breaker_attempts: Annotated[int, Field(ge=0)] = Field(
        10,
        description="Attempts in a row that failed to connect, over fetch_breaker_seconds at "
        "least, after which a host's images fail at once, retryable. 0: never.",
    )
    fetch_breaker_seconds: Seconds = Field(
        60, description="Such a host is asked once in this time, until it takes a connection."
    )
    fetch_redirects: Annotated[int, Field(ge=0, le=20)] = Field(
        5, description="Redirects that are followed, each checked anew."
    )
    retry_base_seconds: Patience = Field(
        1, description="Upper bound of the first wait before a retry; doubles each time."
    )
    retry_max_seconds: Patience = Field(
        60,
        description="Longest wait before a retry; an image whose host asks for more with "
        "Retry-After is not tried again.",
    )
    bytes_in_flight: Annotated[Count | None, _BY_MEMORY] = Field(
        None, description="Bytes of images held in memory at once, each counted twice."
    )
    pixels_in_flight: Annotated[Count | None, _BY_MEMORY] = Field(
        None,
        description="Pixels in decoding at once, so that a large image waits for its turn alone.",
    )
    max_pixels: Count = Field(
        100_000_000, description="Pixels of one image, checked on its header before decoding."
    )
    max_frames: Count = Field(500, description="Frames of one animation.")
    decoders: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        description="Decoding processes; 0: as many as the pod has CPUs, and its memory room for.",
    )
    decoder_seconds: Seconds = Field(60, description="For one image, then its decoder is killed.")
    decoder_memory_mib: Annotated[
        Annotated[int, Field(ge=0, le=1 << 20)] | None,
        WhenUnset("by the pod's memory limit, at most 2048"),
    ] = Field(None, description="Address space of a decoder in MiB; 0: unlimited.")
    part_images: Count = Field(
        50,
        description="Images fetched and not recorded at once, at most: what a killed shard fetches "
        "again. A part is written when half as many results wait.",
    )
    part_seconds: Seconds = Field(5, description="A part is written at least this often.")
    storage_patience_seconds: Patience = Field(
        600, description="How long an outage of the object store is waited for."
    )
    source_max_bytes: Count = Field(
        4096 * MIB, description="Size of a CSV; protects the scratch volume."
    )
    grace_seconds: Seconds = Field(
        15,
        description="From SIGTERM to the exit: two thirds for images under way, the rest to record "
        "them. Less than the pod's grace period.",
    )
    log_level: Annotated[LogLevel | None, WhenUnset("info; in local: warning")] = Field(
        None, description="Least severe level that is logged."
    )
    log_format: Annotated[LogFormat | None, WhenUnset("json; in local: text")] = Field(
        None, description="json: one JSON object a line; text: lines for people."
    )

    @property
    def shares(self) -> Shares:
        """The shares that are set; the others derived from this process's CPUs and memory."""
        own = shares(memory_limit(), self.decoders or available_cpus())
        set_mib = self.decoder_memory_mib
        return Shares(
            bytes_in_flight=self.bytes_in_flight or own.bytes_in_flight,
            decoders=self.decoders or own.decoders,
            decoder_memory=own.decoder_memory if set_mib is None else set_mib * MIB,
            pixels_in_flight=self.pixels_in_flight or own.pixels_in_flight,
        )

    def output_url(self, key: str) -> str:
        """Return an output's URL: its key below ``public_base_url``, or the key itself if that is
        empty."""
        base = self.public_base_url.rstrip("/")
        # Reports separate keys by commas, and local file names may hold commas.
        return f"{base}/{key}" if base else key.replace("%", "%25").replace(",", "%2C")


def termination_log(env: Mapping[str, str]) -> Path:
    """Return the path of a step's termination message, from the environment ``env``.

    It is not a field of :class:`Settings`, because the message must also report wrong settings.
    """
    return Path(env.get(variable("termination_log")) or TERMINATION_LOG)
