"""The native library under AddressSanitizer and UBSan, with inputs that a fuzzer finds."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from support.jpegscans import apart, flat_of_many_scans
from support.pictures import encoded

ROOT = Path(__file__).parents[4]
SECONDS = int(os.environ.get("NATIVE_FUZZ_SECONDS", "5"))
_SANITIZED = ["-g", "-O1", "-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fuzzer, built with gcc, whose sanitizers are a package of their own in some systems."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("fuzzer")
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }")
    built = subprocess.run(
        [gcc, *_SANITIZED, "-o", folder / "probe", probe], capture_output=True, check=False
    )
    if built.returncode or subprocess.run([folder / "probe"], check=False).returncode:
        pytest.skip("needs gcc with AddressSanitizer")
    for source in sorted((ROOT / "jobrunner" / "native").glob("*.c")):
        command = [gcc, *_SANITIZED, "-fsanitize-coverage=trace-pc", "-c", source]
        subprocess.run([*command, "-o", folder / f"{source.stem}.o"], check=True)
    harness = [ROOT / "tests" / "native" / "fuzz.c", *sorted(folder.glob("*.o"))]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [gcc, *_SANITIZED, *warnings, "-D_GNU_SOURCE", "-o", folder / "fuzz", *harness], check=True
    )
    return folder / "fuzz"


def seeds() -> list[bytes]:
    """Small JPEGs of every kind that the library takes, and some that it refuses."""
    dice = random.Random(3)
    found = []

    def noise(width: int, height: int) -> Image.Image:
        image = Image.frombytes("RGB", (width, height), dice.randbytes(width * height * 3))
        return image.filter(ImageFilter.GaussianBlur(dice.choice([0, 0.6, 2])))

    # For high images the scans are chosen by some of their rows.
    for size in ((1, 1), (1, 40), (40, 1), (17, 33), (48, 32), (65, 50), (8, 800), (2, 1700)):
        for quality, subsampling in ((1, 2), (30, 2), (75, 0), (92, 2), (100, 1), (100, 2)):
            restarts = dice.choice([0, 0, 1, 3])
            found.append(
                encoded(
                    noise(*size),
                    quality=quality,
                    subsampling=subsampling,
                    optimize=dice.random() < 0.5,
                    restart_marker_blocks=restarts,
                )
            )
        found.append(encoded(noise(*size).convert("L"), quality=dice.choice([20, 75, 100])))
    stripes = Image.new("L", (64, 64))
    stripes.putdata([255 * ((x + y) & 1) for y in range(64) for x in range(64)])
    found += [encoded(stripes, quality=100), encoded(stripes.convert("RGB"), quality=100)]
    for size in ((1, 1), (17, 33), (33, 33), (48, 40)):
        for subsampling in (0, 1, 2):
            found.append(
                encoded(noise(*size), quality=85, subsampling=subsampling, progressive=True)
            )
        found.append(apart(noise(*size), (1, 1), quality=75))
        found.append(apart(noise(*size), (2, 2), progressive=True, restart_marker_blocks=2))
    found.append(encoded(noise(33, 33).convert("L"), quality=100, progressive=True))
    found += [flat_of_many_scans(number, (17, 9)) for number in (2, 32, 33)]
    return [*found, encoded(noise(33, 33).convert("CMYK"))]


@pytest.mark.slow
def test_no_input_makes_the_library_access_memory_outside_its_buffers(
    fuzzer: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    for number, data in enumerate(seeds()):
        (folder / f"{number:03}.jpg").write_bytes(data)
    finding = tmp_path / "finding.jpg"
    ended = subprocess.run(
        [fuzzer, folder, str(SECONDS), "1", finding], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{ended.stderr}\n{finding.read_bytes().hex()}"
    runs, accepted, found = map(int, re.findall(r"\d+", ended.stdout))
    assert runs > len(seeds())
    assert accepted > 10
    assert found > 10
