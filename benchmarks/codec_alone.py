"""Measure the codec alone, in a process with a decoder's environment.

``python -m benchmarks.codec_alone FORMAT IMAGES FILE…`` compresses IMAGES numbered photographs in
memory, and prints the CPU seconds without start-up.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from imagebatch_core.formats import Kind
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.codec.transcode import compress
from imagebatch_runner.cpus import available_cpus
from imagebatch_runner.workers import memfile
from imagebatch_runner.workers.decoders import environment
from samplehost.photos import numbered


def main() -> None:
    format_, images = sys.argv[1], int(sys.argv[2])
    photos = [Path(name).read_bytes() for name in sys.argv[3:]]
    options, spent = CodecOptions(format=format_), 0.0
    with open(memfile.create("bench"), "r+b", buffering=0) as out:  # noqa: PTH123 - in memory
        for number in range(-len(photos), images):  # one run of each photograph is not measured
            data = numbered(photos[number % len(photos)], number)
            before = time.process_time()
            out.seek(0)
            out.truncate()
            compress(data, Kind.JPEG, options, out)
            if number >= 0:
                spent += time.process_time() - before
    print(spent)


def cpu_seconds(photos: Sequence[Path], images: int, format_: str = "jpeg") -> float:
    """Return the CPU seconds for compressing ``images`` images, in as many processes as the runner
    has decoders. Processes that share a core's caches take more CPU time than one alone."""
    count = available_cpus()
    shares = [images // count + (number < images % count) for number in range(count)]
    command = [sys.executable, "-m", "benchmarks.codec_alone", format_]
    processes = [
        subprocess.Popen(
            [*command, str(share), *map(str, photos)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("the codec alone failed")
    return sum(map(float, outputs))


if __name__ == "__main__":
    main()
