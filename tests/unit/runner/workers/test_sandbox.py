"""What a decoder that its image has taken over can reach: itself.

The attempts are in ``tests/support/curiouscodec``, which runs inside real decoders.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import platform
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imagebatch_core.formats import Format, Kind
from imagebatch_core.results import ErrorCode
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers import decoders, landlock
from imagebatch_runner.workers.decoders import DecoderPool
from imagebatch_runner.workers.sandbox import Sandbox
from support import oddpictures
from support.codecruns import run
from support.pictures import encoded, jpeg, photo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own")
CURIOUS_CODEC = Path(__file__).parents[3] / "support" / "curiouscodec"
_SPEC = importlib.util.spec_from_file_location("curious", CURIOUS_CODEC / "sitecustomize.py")
assert _SPEC is not None
assert _SPEC.loader is not None
CURIOUS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(CURIOUS)
#: Gives up the capabilities of root: with them, a process reads everything, whatever others do.
_DROP_CAPABILITIES = (
    "import ctypes\n"
    "libc = ctypes.CDLL(None)\n"
    "for capability in range(64):\n"
    "    libc.prctl(24, capability, 0, 0, 0)\n"
    "libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())\n"
)


def _has_landlock() -> bool:
    try:
        return landlock.version() > 0
    except OSError:
        return False


needs_landlock = pytest.mark.skipif(not _has_landlock(), reason="the kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this processor"
)


@pytest.fixture
async def curious(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DecoderPool]:
    monkeypatch.setenv("PYTHONPATH", str(CURIOUS_CODEC))
    async with DecoderPool(1, timeout=20, memory=0) as pool:
        yield pool


async def tried(pool: DecoderPool, attempt: str) -> str:
    """What came of an attempt inside a decoder."""
    wish = oddpictures.chunk(b"teSt", f"try: {attempt};".encode())
    image = oddpictures.png(1, 1, 8, 2, b"\0\0\0\0", wish)
    with pytest.raises(ImageFailed) as caught:
        await pool.compress(Content([image]), Kind.PNG, CodecOptions())
    return caught.value.message


@needs_landlock
@needs_seccomp
async def test_decoder_that_was_taken_over_reaches_nothing(curious: DecoderPool) -> None:
    results = {attempt: await tried(curious, attempt) for attempt in CURIOUS.ATTEMPTS}
    assert {attempt for attempt, told in results.items() if "refused" not in told} == set()


async def test_decoder_can_do_what_decoding_needs(curious: DecoderPool) -> None:
    results = {attempt: await tried(curious, attempt) for attempt in CURIOUS.HARMLESS}
    assert {attempt for attempt, told in results.items() if "succeeded" not in told} == set()


GOOD = {
    "kind": "jpeg",
    "width": 1,
    "height": 1,
    "kept": False,
    "size": 0,
    "sha256": "0" * 64,
    "source_sha256": "0" * 64,
}


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        json.dumps({"error": "corrupt"}),
        json.dumps({"error": "all_is_well", "message": ""}),
        json.dumps({"error": "corrupt", "message": "x" * 301}),
        json.dumps(GOOD | {"sha256": "../../../other/uid/images/1-1-0"}),
        json.dumps(GOOD | {"sha256": "0" * 64 + "\n"}),
        json.dumps(GOOD | {"source_sha256": 7}),
        json.dumps(GOOD | {"kind": "html"}),
        json.dumps(GOOD | {"size": 1 << 60}),
        json.dumps(GOOD | {"width": -1}),
        json.dumps(GOOD | {"more": "x" * 100_000}),
    ],
)
async def test_forged_response_costs_its_image_and_its_decoder(
    curious: DecoderPool, line: str
) -> None:
    wish = oddpictures.chunk(b"teSt", b"say: " + line.encode() + b"\n")
    image = oddpictures.png(1, 1, 8, 2, b"\0\0\0\0", wish)
    with pytest.raises(ImageFailed) as caught:
        await curious.compress(Content([image]), Kind.PNG, CodecOptions())
    assert caught.value.code is ErrorCode.DECODER_CRASHED
    assert str(caught.value) == "the decoder's response is not one"
    result = await curious.compress(Content([jpeg()]), Kind.JPEG, CodecOptions())
    assert result.width == photo().width


def test_shared_files_cannot_outgrow_the_memory_of_a_decoder() -> None:
    program = (
        "import os, resource\n"
        "from imagebatch_runner.workers import memfile, worker\n"
        "worker._confine(1 << 30)\n"
        "try:\n"
        "    os.ftruncate(memfile.create('x'), 1 << 31)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert ended.stdout == b"File too large\n"


#: Attempts that each of the two refuses alone, should the kernel have no other.
_BY_LANDLOCK = ["read a file", "make a file", "list a folder", "read the environment of its parent"]
_BY_SECCOMP = sorted(CURIOUS.ATTEMPTS)


@pytest.mark.parametrize(
    ("layer", "attempts"),
    [
        pytest.param("landlock", _BY_LANDLOCK, marks=needs_landlock),
        pytest.param("seccomp", _BY_SECCOMP, marks=needs_seccomp),
    ],
)
def test_each_layer_holds_without_the_other(layer: str, attempts: list[str]) -> None:
    program = (
        "import sys, runpy\n"
        f"curious = runpy.run_path({str(CURIOUS_CODEC / 'sitecustomize.py')!r})\n"
        f"from imagebatch_runner.workers import {layer}\n"
        f"{layer}.restrict()\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        curious['ATTEMPTS'][name]()\n"
        "        print(name, 'succeeded')\n"
        "    except PermissionError:\n"
        "        pass\n"
        "    except OSError as error:\n"
        "        print(name, 'would have succeeded:', error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *attempts], check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("hidden", [True, False])
def test_environment_of_the_parent_is_closed_to_its_children(*, hidden: bool) -> None:
    """Without Landlock and seccomp: this holds on every kernel."""
    program = (
        f"{_DROP_CAPABILITIES}import subprocess, sys\n"
        "from imagebatch_runner.workers import kernel\n"
        f"{hidden} and kernel.hide_from_others()\n"
        "child = 'import os; open(f\"/proc/{os.getppid()}/environ\").read()'\n"
        "sys.exit(subprocess.run([sys.executable, '-c', child], stderr=-3).returncode)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == (1 if hidden else 0)


async def test_pool_hides_the_memory_of_its_process() -> None:
    # In a process of its own: the tests' own stays as it is.
    program = (
        "import asyncio, ctypes, sys\n"
        "from imagebatch_runner.workers.decoders import DecoderPool\n"
        "async def main():\n"
        "    async with DecoderPool(1, timeout=20, memory=0):\n"
        "        return ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "sys.exit(asyncio.run(main()))\n"
    )
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await ended.wait() == 0


async def test_log_says_once_what_holds(caplog: pytest.LogCaptureFixture) -> None:
    decoders._log_sandbox.cache_clear()
    with caplog.at_level(logging.INFO):
        async with DecoderPool(2, timeout=20, memory=0) as pool:
            images = (pool.compress(Content([jpeg()]), Kind.JPEG, CodecOptions()) for _ in "four")
            await asyncio.gather(*images)
    (told,) = [record for record in caplog.records if "decoders can" in record.getMessage()]
    if _has_landlock():
        assert "no files or sockets and run no programs (Landlock " in told.getMessage()
        assert told.levelno == logging.INFO


@pytest.mark.parametrize(
    ("sandbox", "text"),
    [
        (Sandbox(7, True, ()), "no files or sockets and run no programs (Landlock 7, seccomp)"),
        (Sandbox(0, True, ("no Landlock (x)",)), "run no programs (seccomp); no Landlock (x)"),
        (Sandbox(1, False, ("no seccomp (x)",)), "can open no files (Landlock 1); no seccomp (x)"),
        (Sandbox(0, False, ()), "can open files and sockets and run programs (no sandbox)"),
    ],
)
def test_what_is_missing_is_told(sandbox: Sandbox, text: str) -> None:
    assert str(sandbox).endswith(text)


async def test_decoder_works_where_the_kernel_has_neither(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from imagebatch_runner.workers import kernel\n"
        "def refuse(*arguments):\n"
        "    raise OSError(38, 'Function not implemented')\n"
        "kernel.syscall = refuse\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    decoders._log_sandbox.cache_clear()
    async with DecoderPool(1, timeout=20, memory=0) as pool:
        result = await pool.compress(Content([jpeg()]), Kind.JPEG, CodecOptions())
    assert result.width == photo().width
    (told,) = [record for record in caplog.records if "decoders can" in record.getMessage()]
    assert told.levelno == logging.WARNING
    assert "no Landlock (Function not implemented); no seccomp (" in told.getMessage()


@pytest.mark.parametrize("kind", Kind)
async def test_every_pair_of_formats_comes_out_as_without_the_sandbox(
    kind: Kind, tmp_path: Path
) -> None:
    image = encoded(photo(size=(64, 48)), kind.name)
    async with DecoderPool(1, timeout=60, memory=0) as pool:
        for format_ in Format:
            chosen: dict[str, Any] = {"format": format_.value, "profile": "small", "max_width": 60}
            result = await pool.compress(Content([image]), kind, CodecOptions(**chosen))
            with (tmp_path / "out").open("w+b", buffering=0) as out:
                _, expected = run(image, out, **chosen)
            assert result.data == expected, format_
