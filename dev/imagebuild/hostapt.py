"""Install packages with the host's apt, and read its mirrors and settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from hosttools import apt
from hosttools.command import run
from hosttools.errors import MissingTool
from hosttools.progress import Say

#: The package of each program.
PROGRAMS: Mapping[str, str] = {
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: Settings of the host's apt that its mirrors may need.
_ACCESS_SETTINGS = ("proxy", "cainfo", "capath", "sslcert", "sslkey", "retries", "timeout")


def missing() -> list[str]:
    """Return the packages whose program or file is missing on this machine."""
    wanted = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if not KEYRING.exists():
        wanted.add("debian-archive-keyring")
    return sorted(wanted)


def install(say: Say) -> None:
    """Install the missing packages. Raises MissingTool and CommandFailed."""
    wanted = missing()
    if not wanted:
        return
    try:
        apt.install(wanted, say)
    except MissingTool as error:
        raise MissingTool(f"there is no Docker daemon, and {error}") from error


def sources(suite: str) -> list[str]:
    """Return the host's ``deb`` lines for ``suite``, its updates and its security fixes.

    The list is empty if the host runs another suite; mmdebstrap then uses Debian's default mirror.
    """
    listing = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
         "Created-By: Packages"]
    )  # fmt: skip
    return source_lines(listing.splitlines(), suite)


def source_lines(targets: Iterable[str], suite: str) -> list[str]:
    """Return ``deb`` lines made from ``uri|release|component`` lines; none if ``suite`` is
    missing."""
    accepted = {suite, f"{suite}-updates", f"{suite}-security"}
    components: dict[tuple[str, str], set[str]] = {}
    for target in targets:
        uri, _, rest = target.partition("|")
        release, _, component = rest.partition("|")
        if release in accepted and component:
            components.setdefault((release, uri), set()).add(component)
    if not any(release == suite for release, _ in components):
        return []
    return [
        f"deb {uri} {release} {' '.join(sorted(names))}"
        for (release, uri), names in sorted(components.items())
    ]


def access_settings() -> str:
    """Return the host's apt settings for reaching its mirrors: proxy, CA, time limits."""
    dump = run(["apt-config", "dump", "Acquire"])
    return "".join(
        f"{line}\n"
        for line in dump.splitlines()
        if line.split(" ", 1)[0].lower().rpartition("::")[2] in _ACCESS_SETTINGS
        and not line.endswith('"";')
    )
