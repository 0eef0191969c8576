"""Build images with Docker."""

from __future__ import annotations

from pathlib import Path

from hosttools.command import follow, run
from hosttools.errors import CommandFailed, MissingTool
from hosttools.progress import Say

from .request import BuildRequest

_DAEMON_SECONDS = 10.0


def answers() -> bool:
    """Return whether a Docker daemon can be reached."""
    try:
        run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=_DAEMON_SECONDS)
    except (CommandFailed, MissingTool):
        return False
    return True


def build(request: BuildRequest, archive: Path, say: Say) -> None:
    """Build one image and save it to ``archive`` as a docker-archive."""

    def on_line(line: str) -> None:
        # BuildKit's plain output: `#9 [runner-build 3/5] RUN …` starts a step.
        if " [" in line[:6] and "] " in line:
            say(f"  {request.component}: {line.split(' ', 1)[1][:90]}")

    follow(
        ["docker", "build", "--progress=plain", *request.arguments(), str(request.repository)],
        on_line,
        env={"DOCKER_BUILDKIT": "1"},
    )
    run(["docker", "save", "--output", str(archive), request.full_name], timeout=None)
