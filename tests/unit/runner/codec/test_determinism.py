"""The same input and options give the same bytes, in every process and in any order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.pictures import encoded, photo

_PROGRAM = """
import json, sys
from hashlib import sha256
from itertools import product
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_core.formats import Kind
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.workers import memfile

digests = {}
cases = list(product(json.loads(sys.argv[1]), ("jpeg", "webp", "avif", "png", "original"),
                     ("fast", "small"), (False, True), (None, 90)))
for path, format_, profile, fast, width in (cases if sys.argv[2] == "forwards" else cases[::-1]):
    data = open(path, "rb").read()
    kind = Kind(path.rsplit(".")[-1])
    with open(memfile.create("test"), "r+b", buffering=0) as out:
        options = CodecOptions(format=format_, profile=profile, max_width=width)
        result = compress(data, kind, options, out, fast=fast)
        out.seek(0)
        output = b"kept" if result.kept else out.read()
    digests[f"{path} {format_} {profile} fast={fast} {width}"] = sha256(output).hexdigest()
print(json.dumps(digests, sort_keys=True))
"""


def run(paths: list[str], order: str, seed: str) -> dict[str, str]:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(paths), order],
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin"},
    )
    found: dict[str, str] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
def test_every_format_and_codec_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    picture = photo(size=(150, 110))
    paths = []
    for name, data in {
        "plain.jpeg": encoded(picture, quality=90, subsampling=2),
        "fine.jpeg": encoded(picture, quality=90, subsampling=0),
        "clear.png": encoded(picture.convert("RGBA"), "PNG"),
        "moving.gif": encoded(
            picture, "GIF", save_all=True, append_images=[picture.rotate(180)], duration=100
        ),
    }.items():
        (tmp_path / name).write_bytes(data)
        paths.append(str(tmp_path / name))
    first = run(paths, "forwards", "1")
    assert len(first) == 4 * 5 * 2 * 2 * 2
    assert run(paths, "backwards", "2") == first
