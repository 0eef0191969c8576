from __future__ import annotations

from pathlib import Path

import pytest

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_runner.cpus import available_cpus
from imagebatch_runner.memory import MIB, memory_limit, shares, weight
from imagebatch_runner.settings import Settings


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        if name != "store":
            assert len(field.description or "") > 20, name


def test_environment_is_read_and_empty_variables_are_unset() -> None:
    env = {"IMAGEBATCH_FETCH_PER_HOST": "3", "IMAGEBATCH_MAX_FRAMES": " ", "OTHER": "x"}
    settings = Settings.from_env(env)
    assert (settings.fetch_per_host, settings.max_frames) == (3, 500)
    assert Settings.from_env(env, fetch_per_host=5).fetch_per_host == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_PIXELS", "many"),
        ("FETCH_PER_HOST", "0"),
        ("GRACE_SECONDS", "-1"),
        ("GRACE_SECONDS", "inf"),
        ("STORAGE_PATIENCE_SECONDS", "inf"),
        ("STORAGE_PATIENCE_SECONDS", "1e300"),
        ("RETRY_MAX_SECONDS", "nan"),
        ("DECODER_MEMORY_MIB", "100000000000000"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationRefused, match=f"IMAGEBATCH_{name}='{value}'"):
        Settings.from_env({f"IMAGEBATCH_{name}": value})


def test_output_url_is_below_the_base_or_the_key_itself() -> None:
    assert Settings(public_base_url="https://a/files/").output_url("n/u/images/x.jpg") == (
        "https://a/files/n/u/images/x.jpg"
    )
    assert Settings().output_url("images/x.jpg") == "images/x.jpg"


@pytest.mark.parametrize("cpus", [1, 2, 8, 96])
@pytest.mark.parametrize("limit", [512 * MIB, 1024 * MIB, 2048 * MIB, 8192 * MIB])
def test_shares_fit_into_the_pod(limit: int, cpus: int) -> None:
    """With the runner's 144 MiB, 96 MiB of each idle decoder and 18 bytes a pixel."""
    made = shares(limit, cpus)
    idle = made.decoders * 96 * MIB
    assert 144 * MIB + made.bytes_in_flight + idle + 18 * made.pixels_in_flight <= limit
    others = (made.decoders - 1) * 96 * MIB
    assert 144 * MIB + made.bytes_in_flight + others + made.decoder_memory <= limit
    assert made.pixels_in_flight * 18 <= made.decoder_memory
    assert made.decoders <= cpus


def test_formats_whose_encoders_take_more_memory_count_for_more() -> None:
    assert weight(1000, 18) == 1000
    assert weight(1000, 36) == 2000
    assert 18 * weight(1000, 37) >= 37 * 1000


def test_many_cpus_get_no_more_decoders_than_the_memory_has_room_for() -> None:
    assert shares(2048 * MIB, 2).decoders == 2
    assert shares(2048 * MIB, 96).decoders < 10
    assert shares(256 * MIB, 96).decoders == 1


def test_limit_of_both_kinds_of_cgroup_is_read(tmp_path: Path) -> None:
    new, old = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    assert memory_limit((new, old)) is None
    new.write_text("max\n")
    old.write_text("9223372036854771712\n")
    assert memory_limit((new, old)) is None
    new.write_text("1073741824\n")
    assert memory_limit((new, old)) == 1024 * MIB


def test_cpu_quota_bounds_the_decoders(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    unbounded = available_cpus(quota)
    quota.write_text("50000 100000\n")
    assert available_cpus(quota) == 1
    quota.write_text("max 100000\n")
    assert available_cpus(quota) == unbounded


def test_allow_list_that_cannot_be_meant_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationRefused, match=r"IMAGEBATCH_FETCH_ALLOW.*8080"):
        Settings.from_env({"IMAGEBATCH_FETCH_ALLOW": "images.local:8080"})
