"""An option of ``spec.output`` that is accepted reaches the codec and changes what comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, BinaryIO

import pytest
from PIL import ExifTags, Image

from imagebatch_core.formats import Kind, kind_of
from imagebatch_core.spec import Output
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.settings import Settings
from imagebatch_runner.steps.image import codec_options
from support.pictures import encoded, jpeg, photo


def _source() -> bytes:
    """A picture that every option changes: a photograph with metadata, in another format than the
    default one."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "maker"
    return encoded(photo(size=(160, 120)), "PNG", exif=exif)


SOURCE = _source()
#: By option: a value that is not its default, and a picture that comes out differently with it.
#: Options with a list of choices need no entry; any other without one fails the test below.
EXAMPLES: dict[str, tuple[Any, bytes]] = {
    "quality": (20, SOURCE),
    "max_width": (100, SOURCE),
    "max_height": (50, SOURCE),
}


class WiderOutput(Output):
    """The spec with a field that nobody acts on."""

    throw_away: str = "x"


@dataclass(frozen=True, slots=True)
class WiderOptions(CodecOptions):
    """The codec's options with one that nothing acts on."""

    throw_away: str = "x"


def compressed(data: bytes, output: Output, out: BinaryIO) -> bytes:
    out.seek(0)
    out.truncate()
    kind = kind_of(data)
    assert kind is not None
    kept = compress(data, kind, codec_options(output, Settings()), out).kept
    assert not kept, "no output is smaller than this picture: take a larger one"
    out.seek(0)
    return out.read()


def _examples(name: str) -> list[tuple[Any, bytes]]:
    field = Output.model_fields[name]
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return [(choice, SOURCE) for choice in field.annotation if choice != field.default]
    if name not in EXAMPLES:
        pytest.fail(f"add to EXAMPLES a value of spec.output.{name} and a picture that it changes")
    return [EXAMPLES[name]]


@pytest.mark.field(
    "spec.output.format",
    "spec.output.quality",
    "spec.output.profile",
    "spec.output.maxWidth",
    "spec.output.maxHeight",
    "spec.output.metadata",
)
@pytest.mark.parametrize("name", Output.model_fields)
def test_every_option_changes_what_comes_out(name: str, out: BinaryIO) -> None:
    for value, picture in _examples(name):
        chosen = Output().model_copy(update={name: value})
        assert compressed(picture, chosen, out) != compressed(picture, Output(), out), value


def test_option_that_the_codec_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="throw_away"):
        codec_options(WiderOutput(), Settings())


def test_option_that_the_native_library_does_not_act_on_leaves_a_jpeg_to_pillow(
    out: BinaryIO,
) -> None:
    def size(options: CodecOptions, *, fast: bool) -> int:
        out.seek(0)
        out.truncate()
        compress(photograph, Kind.JPEG, options, out, fast=fast)
        return out.seek(0, 2)

    photograph = jpeg(size=(300, 200))
    by_pillow = size(CodecOptions(), fast=False)
    assert size(WiderOptions(), fast=True) == size(CodecOptions(), fast=True) != by_pillow
    assert size(WiderOptions(throw_away="y"), fast=True) == by_pillow


def test_defaults_are_those_of_the_spec_and_the_settings() -> None:
    assert codec_options(Output(), Settings()) == CodecOptions()


def test_limits_come_from_the_settings() -> None:
    settings = Settings(max_pixels=2_000_000, max_frames=7)
    expected = replace(CodecOptions(), max_pixels=2_000_000, max_frames=7)
    assert codec_options(Output(), settings) == expected


@pytest.mark.parametrize("kind", Kind)
def test_original_keeps_the_format_of_each_image(kind: Kind) -> None:
    assert CodecOptions(format="original").target(kind) is kind
    assert CodecOptions(format="webp").target(kind) is Kind.WEBP
