"""Pass the host's pip settings and CA bundle to the build, as secrets."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from hosttools.command import run
from hosttools.errors import CommandFailed, MissingTool

#: pip's settings about the sources of packages, except those that are paths.
_CARRIED = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")


def ca_bundle(env: Mapping[str, str]) -> Path | None:
    """Return the host's CA bundle: the file that a variable names, else OpenSSL's default."""
    for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if env.get(name) and Path(env[name]).is_file():
            return Path(env[name])
    default = ssl.get_default_verify_paths().cafile
    for path in (default, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem"):
        if path and Path(path).is_file():
            return Path(path)
    return None


def write_pip_conf(target: Path) -> None:
    """Write the host's pip settings to ``target``, a pip.conf that only its owner can read."""
    try:
        listing = run([sys.executable, "-m", "pip", "config", "list"])
    except (CommandFailed, MissingTool):
        listing = ""  # A Python without pip has no settings; the PIP_ variables still count.
    text = pip_conf(listing.splitlines(), os.environ)
    target.touch(mode=0o600)
    target.write_text(text)


def pip_conf(listing: list[str], env: Mapping[str, str]) -> str:
    """Return the text of a pip.conf from lines of ``pip config list`` and ``PIP_…`` variables.

    The variables have precedence.
    """
    settings: dict[str, str] = {}
    for line in listing:
        name, separator, value = line.partition("=")
        key = name.rpartition(".")[2].strip()
        if separator and key in _CARRIED and name.startswith(("global.", "install.", ":env:.")):
            settings[key] = value.strip().strip("'\"").replace("\\n", "\n    ")
    for key in _CARRIED:
        variable = env.get("PIP_" + key.upper().replace("-", "_"))
        if variable:
            settings[key] = variable
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
