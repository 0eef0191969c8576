"""A shard of enemies: each costs itself, its neighbours come out right, the pod exits with 0."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support import oddpictures
from support.badanswers import answered, endless, raw
from support.imagehost import ImageHost
from support.pictures import decoded, encoded, jpeg, photo
from support.runnerbatch import RunnerBatch, products

BAD_CODEC = Path(__file__).parents[2] / "support" / "badcodec"
Build = Callable[..., RunnerBatch]
#: How a decoder ends → the code of its image. A print is no end: the picture is right.
ENDS = {
    "segfault": "decoder_crashed",
    "abort": "decoder_crashed",
    "kill": "decoder_crashed",
    "exit": "decoder_crashed",
    "system exit": "decoder_crashed",
    "eat memory": "decoder_crashed",
    "hang": "decoder_timeout",
    "spin": "decoder_timeout",
    "recurse": "corrupt",
    "print": None,
}


def ending(how: str) -> bytes:
    """A good PNG of a photograph, but for what it makes a bad codec do."""
    image = photo(size=(40, 30))
    rows = image.tobytes()
    lines = b"".join(b"\0" + rows[at : at + 120] for at in range(0, len(rows), 120))
    wish = oddpictures.chunk(b"teSt", b"end: " + how.encode() + b";")
    return oddpictures.png(40, 30, 8, 2, lines, wish)


def result_of(batch: RunnerBatch) -> dict[str, dict[str, Any]]:
    """The lines of the report by the last part of their URL."""
    return {line["input_url"].rpartition("/")[2]: line for line in batch.report()}


def output(batch: RunnerBatch, line: dict[str, Any]) -> Image.Image:
    return decoded(batch.get(line["output_key"]))


def test_decoders_that_die_hang_or_talk_cost_their_images_alone(
    batch: Build, host: ImageHost
) -> None:
    urls = []
    for number, how in enumerate(ENDS):
        urls.append(host.add(f"good-{number}.jpg", jpeg(size=(60 + number, 40))))
        urls.append(host.add(how.replace(" ", "-"), ending(how)))
    urls.append(host.add("last.jpg", jpeg(size=(90, 40))))
    made = batch(products(urls))
    made.settings = {
        "PYTHONPATH": str(BAD_CODEC),
        "IMAGEBATCH_DECODERS": "2",
        "IMAGEBATCH_DECODER_SECONDS": "5",
        "IMAGEBATCH_DECODER_MEMORY_MIB": "500",
    }
    ended = made.run("plan")
    assert ended.code == 0, ended.log
    found = result_of(made)
    for how, code in ENDS.items():
        line = found[how.replace(" ", "-")]
        assert (line["error_code"], line["retryable"]) == (code, False), line
    for number in range(len(ENDS)):
        assert output(made, found[f"good-{number}.jpg"]).size == (60 + number, 40)
    assert output(made, found["print"]).size == (40, 30)
    assert "remark" not in ended.log
    assert ended.message is not None
    assert ended.message.totals is not None
    assert ended.message.totals.failed == sum(code is not None for code in ENDS.values())


def test_images_that_are_none_are_bombs_or_never_end_cost_themselves_alone(
    batch: Build, host: ImageHost
) -> None:
    data = jpeg(size=(120, 90))
    large = BytesIO()
    Image.new("RGB", (9500, 9500), "teal").save(large, "PNG", compress_level=1)
    claims = oddpictures.claiming
    bodies = {
        "page.jpg": (b"<!DOCTYPE html><html>gone</html>", "not_an_image"),
        "empty.jpg": (b"", "empty"),
        "drawn.svg": (b"<svg/>", "unsupported_format"),
        "cut.jpg": (data[: len(data) // 2], "corrupt"),
        "bomb.png": (claims("png", 60000, 60000), "too_many_pixels"),
        "bomb.avif": (claims("avif", 60000, 60000), "too_many_pixels"),
        "large.png": (large.getvalue(), "decoder_crashed"),
        "deep.png": (oddpictures.deep_png(photo(size=(50, 40))), None),
        "good.jpg": (data, None),
        "moving.gif": (encoded(photo(size=(30, 20)), "GIF"), None),
    }
    answers = {
        "words.jpg": (answered(b"", status="404 \udcff\udcfe"), "http_status"),
        "lie.jpg": (answered(data, "Content-Length: -1"), "incomplete_body"),
        "moved.jpg": (answered(b"", "Location: http://[]@", status="302 Found"), "invalid_url"),
        "short.jpg": (answered(data, "Content-Length: 999999"), "incomplete_body"),
    }
    endless(host, "endless.jpg", answered(data), bytes(65536))
    sent = {
        **{name: (host.add(name, body), code) for name, (body, code) in bodies.items()},
        **{name: (raw(host, name, answer), code) for name, (answer, code) in answers.items()},
        "endless.jpg": (host.url("endless.jpg"), "too_many_bytes"),
        "inside.jpg": ("http://169.254.169.254/inside.jpg", "address_refused"),
        "odd.jpg": ("http://2130706433/odd.jpg", "invalid_url"),
    }
    made = batch(products([url for url, _ in sent.values()]), retries=0)
    made.settings = {
        "IMAGEBATCH_FETCH_MAX_BYTES": str(4 << 20),
        "IMAGEBATCH_DECODER_MEMORY_MIB": "400",
    }
    ended = made.run("plan")
    assert ended.code == 0, ended.log
    found = result_of(made)
    assert {name: found[name]["error_code"] for name in sent} == {
        name: code for name, (_, code) in sent.items()
    }
    assert output(made, found["good.jpg"]).size == (120, 90)
    assert output(made, found["deep.png"]).size == (50, 40)
    errors = " ".join(row["Error"] for row in made.table())
    assert "404" in errors
    assert errors.isprintable()


@pytest.mark.parametrize("retries", [0, 1])
def test_source_whose_host_answers_with_bytes_is_refused_in_words(
    batch: Build, host: ImageHost, retries: int
) -> None:
    url = raw(host, "a.csv", answered(b"", status="404 \udcff"))
    made = batch("", source={"url": url}, retries=retries)
    ended = made.run("plan")
    assert ended.code in (1, 2), ended.log
    assert ended.message is not None
    assert ended.message.error is not None
    assert "404" in ended.message.error
