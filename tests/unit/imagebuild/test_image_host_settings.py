"""What the build takes over from the host it runs on."""

from __future__ import annotations

from pathlib import Path

from imagebuild.hostapt import source_lines
from imagebuild.hostpip import ca_bundle, pip_conf
from imagebuild.request import BuildRequest

TARGETS = [
    "http://mirror.example/debian/|bookworm|main",
    "http://mirror.example/debian/|bookworm|contrib",
    "http://mirror.example/debian/|bookworm-updates|main",
    "http://mirror.example/debian-security/|bookworm-security|main",
    "https://vendor.example/apt|cloud-bookworm|main",
    "https://other.example|stable|main",
]


def test_the_hosts_own_mirror_is_used_and_other_vendors_are_not() -> None:
    assert source_lines(TARGETS, "bookworm") == [
        "deb http://mirror.example/debian/ bookworm contrib main",
        "deb http://mirror.example/debian-security/ bookworm-security main",
        "deb http://mirror.example/debian/ bookworm-updates main",
    ]


def test_a_host_of_another_suite_has_no_lines_for_this_one() -> None:
    assert source_lines(TARGETS, "trixie") == []


def test_pip_settings_are_carried_and_paths_of_this_machine_are_not() -> None:
    listing = [
        "global.index-url='https://mirror.example/simple'",
        "global.cert='/etc/ssl/certs/ca-certificates.crt'",
        ":env:.find-links='/opt/wheels'",
        "global.timeout='60'",
        "freeze.timeout='10'",
    ]
    assert pip_conf(listing, {"PIP_TIMEOUT": "180", "PIP_FIND_LINKS": "/opt/wheels"}) == (
        "[global]\nindex-url = https://mirror.example/simple\ntimeout = 180\n"
    )


def test_the_ca_bundle_is_the_one_that_variables_name(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert ca_bundle({"PIP_CERT": str(tmp_path / "gone"), "SSL_CERT_FILE": str(bundle)}) == bundle


def test_secrets_are_mounted_and_never_build_arguments(tmp_path: Path) -> None:
    request = BuildRequest(
        component="runner",
        reference="imagebatch/runner:dev-1",
        repository=tmp_path,
        base_image=None,
        ca_bundle=tmp_path / "ca.pem",
        pip_conf=tmp_path / "pip.conf",
    )
    arguments = request.arguments()
    assert f"id=ca_bundle,src={tmp_path}/ca.pem" in arguments
    assert f"id=pip_conf,src={tmp_path}/pip.conf" in arguments
    assert "--build-arg" not in arguments
    assert arguments[arguments.index("--tag") + 1] == "docker.io/imagebatch/runner:dev-1"
