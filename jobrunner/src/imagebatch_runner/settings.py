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

    store: str = Field(
        "",
        description="URL of the object store, s3://bucket[/prefix] or "
        "file:///folder. Required in pods.",
    )
    public_base_url: str = Field(
        "",
        description="Base of the URLs of outputs, which are <base>/<key in the bucket>. Empty: a "
        "URL is the key itself, as in local runs.",
    )
    fetch_credentials_file: str = Field(
        "",
        description="Path of a JSON file with request headers for hosts and key pairs for source "
        "buckets. The chart mounts it from a Secret.",
    )
    fetch_s3_allow: str = Field(
        "",
        description="Comma-separated list of bucket[/prefix] that s3:// image URLs may name. "
        "{namespace} stands for the batch's namespace. Empty: no s3:// URL is allowed.",
    )
    contact_url: str = Field(
        "https://imagebatch.dev/fetcher",
        description="URL in the User-Agent of requests, where owners of image hosts find a "
        "contact.",
    )
    fetch_concurrency: Count = Field(
        16, description="Number of requests to image hosts that run at the same time."
    )
    fetch_per_host: Count = Field(
        8, description="Number of requests to one image host at the same time. Protects the host."
    )
    fetch_window: Count = Field(
        64,
        description="Number of images that are processed at the same time. Up to 1000 further "
        "images may wait for a retry.",
    )
    fetch_max_bytes: Count = Field(
        64 * MIB, description="Size of the largest image body in bytes; a longer body is refused."
    )
    fetch_connect_seconds: Seconds = Field(
        10, description="Time limit for connecting to a host, TCP and TLS together."
    )
    fetch_read_seconds: Seconds = Field(30, description="Time limit between two reads of a body.")
    fetch_total_seconds: Seconds = Field(
        120,
        description="Time limit for a request until its response header has arrived, and again "
        "for the body. Each redirect is a request of its own.",
    )
    fetch_floor_bytes: Annotated[int, Field(ge=0)] = Field(
        1000,
        description="Least throughput of a body in bytes per second, measured over "
        "fetch_floor_seconds. A slower body fails as a timeout. 0: no least throughput.",
    )
    fetch_floor_seconds: Seconds = Field(
        20, description="Window in which the throughput of a body is measured."
    )
    fetch_breaker_attempts: Annotated[int, Field(ge=0)] = Field(
        10,
        description="Number of consecutive attempts that failed to connect, over at least "
        "fetch_breaker_seconds, after which images of a host fail at once as retryable. 0: never.",
    )
    fetch_breaker_seconds: Seconds = Field(
        60, description="Time between two attempts to connect to such a host, until one succeeds."
    )
    fetch_redirects: Annotated[int, Field(ge=0, le=20)] = Field(
        5,
        description="Largest number of redirects that are followed. Each target is checked "
        "like the first URL.",
    )
    retry_base_seconds: Patience = Field(
        1,
        description="Upper bound of the back-off before the first retry; it doubles with each "
        "retry.",
    )
    retry_max_seconds: Patience = Field(
        60,
        description="Longest back-off before a retry. An image whose host asks for a longer one "
        "with Retry-After is not retried.",
    )
    bytes_in_flight: Annotated[Count | None, _BY_MEMORY] = Field(
        None, description="Bytes of images in memory at the same time; each image counts twice."
    )
    pixels_in_flight: Annotated[Count | None, _BY_MEMORY] = Field(
        None,
        description="Number of pixels that are decoded at the same time. A large image waits "
        "until enough are free.",
    )
    max_pixels: Count = Field(
        100_000_000,
        description="Largest number of pixels of one image. It is checked in the "
        "header, before decoding.",
    )
    max_frames: Count = Field(500, description="Largest number of frames of one animation.")
    decoders: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        description="Number of decoder processes. 0: one per CPU of the pod, fewer if its memory "
        "is too small for them.",
    )
    decoder_seconds: Seconds = Field(
        60, description="Time limit for compressing one image; then its decoder is killed."
    )
    decoder_memory_mib: Annotated[
        Annotated[int, Field(ge=0, le=1 << 20)] | None,
        WhenUnset("by the pod's memory limit, at most 2048"),
    ] = Field(None, description="Limit of a decoder's address space in MiB. 0: no limit.")
    part_images: Count = Field(
        50,
        description="Largest number of images that are fetched but not recorded yet, which a "
        "killed pod's successor fetches again. A part is written when half as many results wait.",
    )
    part_seconds: Seconds = Field(
        5, description="Longest time between two parts while results wait."
    )
    storage_patience_seconds: Patience = Field(
        600, description="Time for which a step waits until an outage of the object store ends."
    )
    source_max_bytes: Count = Field(
        4096 * MIB,
        description="Size of the largest CSV in bytes, after unpacking. Protects the "
        "scratch volume.",
    )
    grace_seconds: Seconds = Field(
        15,
        description="Time from SIGTERM to the exit: two thirds to finish the images at work, the "
        "rest to record their results. It must be less than the pod's grace period.",
    )
    unreachable_seconds: Patience = Field(
        60,
        description="How long plan tries to connect to the hosts of a sample of the images if none "
        "of them answers; then the batch fails (SourcesUnreachable). 0: plan does not try.",
    )
    kept_sources: Annotated[int, Field(ge=0, le=1000)] = Field(
        12,
        description="Number of images of a batch, spread evenly over it, whose sources are kept "
        "for previews, together up to 32 MiB. 0: none.",
    )
    log_level: Annotated[LogLevel | None, WhenUnset("info; in local: warning")] = Field(
        None, description="Least severe level that is logged."
    )
    log_format: Annotated[LogFormat | None, WhenUnset("json; in local: text")] = Field(
        None, description="Format of the log: json, one JSON object per line, or text for people."
    )

    @property
    def shares(self) -> Shares:
        """Shares of memory and CPUs. Those that are not set are derived from this process's
        limits."""
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
