"""The process that decodes images, ``python -m imagebatch_runner.workers.worker``.

Only :mod:`.decoders` starts it. Arguments: the descriptors of two shared memory files (input,
output) and the limit of address space in bytes. The first line on standard output says what the
:mod:`.sandbox` holds. Then each line on standard input is a request, and each line on standard
output its response, all JSON; the images lie in the files. The process ends when its standard input
ends, so that a killed parent leaves no worker behind.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from imagebatch_core.formats import Kind
from imagebatch_core.results import LONGEST_MESSAGE, ErrorCode
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.failures import ImageFailed

from . import kernel, memfile, sandbox

if TYPE_CHECKING:
    from imagebatch_runner.codec.transcode import Encoded

Compress = Callable[[memoryview, Kind, CodecOptions, BinaryIO], "Encoded"]


def main() -> None:
    source, target, memory = (int(argument) for argument in sys.argv[1:4])
    _confine(memory)
    compress, window = _codec(), memfile.Window(source)
    with _answers() as answers, os.fdopen(target, "r+b", buffering=0) as out:
        sha256()  # OpenSSL reads its settings for the first digest
        _write(answers, asdict(sandbox.enter()))
        for line in sys.stdin.buffer:
            request = json.loads(line)
            out.seek(0)
            out.truncate()
            try:
                answer = _answer(request, window, out, compress)
            # Messages may be cut here: a worker knows no credentials that must be redacted first.
            except ImageFailed as failure:
                answer = {"error": failure.code.value, "message": failure.message[:LONGEST_MESSAGE]}
            except MemoryError:
                answer = {
                    "error": ErrorCode.DECODER_CRASHED.value,
                    "message": f"needs more than the {memory >> 20} MiB a decoder may use",
                }
            except Exception as error:  # noqa: BLE001 - plugins may raise anything about an image
                answer = {
                    "error": ErrorCode.CORRUPT.value,
                    "message": f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE],
                }
            _write(answers, answer)


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _answers() -> TextIO:
    """Return standard output, which is then used only for responses.

    The output of libraries is discarded: it must not mix with the responses, and an image must not
    be able to fill the log.
    """
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _codec() -> Compress:
    """Load the codec and return its function ``compress``.

    Garbage collection is off meanwhile: modules create no garbage and stay. Of Pillow's plugins,
    only those that may see foreign bytes are loaded; all the others take longer to load than the
    rest of Pillow. They are loaded now, not for the first image that needs them: that image could
    leave no memory for it, and Pillow would then never load the plugin.
    """
    gc.disable()
    from PIL import Image  # noqa: PLC0415

    for traits in FORMATS.values():
        for plugin in traits.plugins:
            import_module(f"PIL.{plugin}")
    from imagebatch_runner.codec.transcode import compress  # noqa: PLC0415

    Image.preinit()  # otherwise Pillow calls it for the first image
    gc.freeze()
    gc.enable()
    return compress


def _answer(
    request: dict[str, Any], window: memfile.Window, out: BinaryIO, compress: Compress
) -> dict[str, Any]:
    """Compress the image; without options in the request, only remove its metadata."""
    data = window.view(request["size"])
    kind = Kind(request["kind"])
    if "options" not in request:
        from imagebatch_runner.codec import strip  # noqa: PLC0415 - it loads Pillow

        whole = bytes(data)  # a memoryview would be compared item by item
        bare = strip.stripped(whole, kind)
        kept = bare == whole
        if not kept:
            out.write(bare)
        return {"kept": kept, "size": len(bare)}
    encoded = compress(data, kind, CodecOptions(**request["options"]), out)
    source_digest = digest = sha256(data).hexdigest()
    size = len(data)
    if not encoded.kept:
        size = os.fstat(out.fileno()).st_size
        digest = sha256(memfile.read(out.fileno(), size)).hexdigest()
    return {
        "kind": encoded.kind.value,
        "width": encoded.width,
        "height": encoded.height,
        "kept": encoded.kept,
        "size": size,
        "sha256": digest,
        "source_sha256": source_digest,
    }


def _confine(memory: int) -> None:
    """Limit the address space, and each file shared with the parent, to ``memory`` bytes (0: no
    limit), forbid core dumps, ignore Ctrl-C and, on Linux, let the kernel kill this process when
    its parent dies."""
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        kernel.die_with_parent(signal.SIGKILL)


if __name__ == "__main__":
    main()
