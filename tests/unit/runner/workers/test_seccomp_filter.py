"""The seccomp filter of each processor, run by an interpreter of its instructions.

Numbers of system calls come from the kernel's headers. The wheel ``ziglang`` carries them for every
processor, so this machine needs to be none of these.
"""

from __future__ import annotations

import errno
import importlib.util
import re
import struct
from functools import cache
from pathlib import Path

import pytest

from imagebatch_runner.workers import seccomp

_ZIG = importlib.util.find_spec("ziglang")
assert _ZIG is not None
assert _ZIG.origin is not None
HEADERS = Path(_ZIG.origin).parent / "lib" / "libc" / "include"
#: The header with the numbers of each processor, and the name of its number in elf-em.h.
SOURCES = {
    "x86_64": ("x86-linux-any/asm/unistd_64.h", "EM_X86_64"),
    "aarch64": ("aarch64-linux-any/asm/unistd_64.h", "EM_AARCH64"),
}
ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
PID = 4321
CONDITIONAL = {
    "clone": seccomp._CLONE,
    "fcntl": seccomp._FCNTL,
    "newfstatat": seccomp._NEWFSTATAT,
    **seccomp._SIGNALS,
}
each_processor = pytest.mark.parametrize("processor", SOURCES)


@cache
def numbers(processor: str) -> dict[str, int]:
    """The kernel's own table: numbers by name."""
    text = (HEADERS / SOURCES[processor][0]).read_text()
    found = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}
    assert len(found) > 300
    return found


def judged(
    processor: str, call: str, *arguments: int, architecture: int | None = None, bits: int = 0
) -> int:
    """What the filter returns for a call, with ``bits`` set in its number."""
    machine = seccomp._MACHINES[processor]
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack(
        "<IIQ6Q", numbers(processor)[call] | bits, architecture or machine.architecture, 0, *padded
    )
    program = seccomp._program(machine, PID)
    loaded, place = 0, 0
    while True:
        code, then, otherwise, value = struct.unpack("<HBBI", program[place])
        place += 1
        match code:
            case 0x20:  # load a word
                (loaded,) = struct.unpack_from("<I", data, value)
            case 0x15:  # jump if equal
                place += then if loaded == value else otherwise
            case 0x45:  # jump if a bit is set
                place += then if loaded & value else otherwise
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@each_processor
def test_numbers_are_those_of_the_kernels_headers(processor: str) -> None:
    column = seccomp._MACHINES[processor].column
    kernels = numbers(processor)
    ours = {name: pair[column] for name, pair in {**seccomp._ALLOWED, **CONDITIONAL}.items()}
    assert ours == {name: kernels.get(name) for name in ours}
    assert seccomp._MACHINES[processor].seccomp == kernels["seccomp"]
    assert kernels["clone3"] == seccomp._CLONE3


@each_processor
def test_processors_are_told_by_their_number_in_the_kernels_headers(processor: str) -> None:
    text = (HEADERS / "any-linux-any/linux/elf-em.h").read_text()
    name = SOURCES[processor][1]
    found = re.search(rf"#define {name}\s+(\d+)", text)
    assert found
    sixty_four_bits, little_endian = 0x80000000, 0x40000000
    expected = int(found[1]) | sixty_four_bits | little_endian
    assert seccomp._MACHINES[processor].architecture == expected


@each_processor
def test_every_call_of_the_kernel_is_refused_but_those_of_the_list(processor: str) -> None:
    passing = {call for call in numbers(processor) if judged(processor, call) == ALLOW}
    assert passing == {name for name in seccomp._ALLOWED if name in numbers(processor)}
    refused = {call for call in numbers(processor) if judged(processor, call) == REFUSE}
    assert set(numbers(processor)) - passing - refused == {"clone3"}
    assert judged(processor, "clone3") == ABSENT
    for call in ("openat", "socket", "execve", "ptrace", "connect", "io_uring_setup", "unlinkat"):
        assert call in refused


@each_processor
def test_threads_may_be_made_and_processes_not(processor: str) -> None:
    assert judged(processor, "clone", 0x00010000 | 0x100) == ALLOW
    assert judged(processor, "clone", 17) == REFUSE


@each_processor
def test_an_open_file_may_be_measured_and_a_path_not(processor: str) -> None:
    assert judged(processor, "newfstatat", 3, 0, 0, 0x1000) == ALLOW
    assert judged(processor, "newfstatat", 3, 0, 0, 0) == REFUSE


@each_processor
def test_descriptors_are_duplicated_and_not_changed_otherwise(processor: str) -> None:
    assert judged(processor, "fcntl", 3, 1030) == ALLOW
    assert judged(processor, "fcntl", 3, 4) == REFUSE


@each_processor
@pytest.mark.parametrize("call", ["kill", "tgkill"])
def test_signals_go_to_the_own_process_alone(processor: str, call: str) -> None:
    assert judged(processor, call, PID) == ALLOW
    assert judged(processor, call, PID + 1) == REFUSE


@each_processor
def test_a_call_in_another_processors_mode_is_refused(processor: str) -> None:
    """Its numbers mean other calls."""
    i386, x32 = 0x40000003, 0x40000000
    assert judged(processor, "read", architecture=i386) == REFUSE
    assert judged(processor, "read", bits=x32) == REFUSE
