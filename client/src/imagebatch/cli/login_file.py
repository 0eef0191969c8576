"""The gateway and token that `imagebatch login` keeps, in a file that only its user may read."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError


class Login(BaseModel):
    """A gateway and the token for it."""

    url: str
    token: str | None = None
    namespace: str | None = None


def place() -> Path:
    """Return the file's path."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "imagebatch" / "login.json"


def read(path: Path) -> Login | None:
    """Return what is kept, None if nothing is. Raises ValueError for a file that is damaged."""
    try:
        return Login.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ValueError(f"{path} is damaged; delete it and run imagebatch login") from error


def write(path: Path, login: Login) -> None:
    """Keep ``login``; the file is complete and closed to others at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(login.model_dump_json())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
