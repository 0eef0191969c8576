"""The options of compression.

This module does not import Pillow: the process that starts the decoders passes the options on and
must not load decoders itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from imagebatch_core.formats import Format, Kind


@dataclass(frozen=True, slots=True)
class CodecOptions:
    """The fields of ``spec.output`` under their own names and with the same defaults, then the
    limits of the runner. Widths, heights and ``max_pixels`` are in pixels.

    If ``spec.output`` has a field that is missing here, the batch ends with a TypeError. A test
    needs an example of each field's effect (``tests/unit/runner/codec/test_options.py``).
    """

    format: str = "jpeg"
    quality: int = 50
    profile: str = "fast"
    max_width: int | None = None
    max_height: int | None = None
    metadata: str = "strip"
    max_pixels: int = 100_000_000
    max_frames: int = 500

    @property
    def small(self) -> bool:
        """Whether the profile prefers fewer bytes to less time."""
        return self.profile == "small"

    @property
    def keeps_metadata(self) -> bool:
        return self.metadata == "keep"

    def changed(self) -> set[str]:
        """Return the names of the options that differ from their defaults."""
        return {field.name for field in fields(self) if getattr(self, field.name) != field.default}

    def target(self, source: Kind) -> Kind:
        """Return the format of the output for an input of the format ``source``."""
        return source if self.format == Format.ORIGINAL else Kind(self.format)
